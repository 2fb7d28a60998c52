/** The vCPU loop in a real-mode machine whose engine is a script: vectors are found in an interrupt table at 0. */
import { beforeEach, describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { timeOfTick } from '../../src/hv/frequency.js';
import { PIT_HERTZ } from '../../src/hv/pit.js';
import { Machine } from '../../src/machine.js';
import type { MachineOptions } from '../../src/machine.js';
import { setEflags } from '../../src/runtime/flags.js';
import { deliverException } from '../../src/runtime/helpers/interrupts.js';
import { hlt } from '../../src/runtime/helpers/system.js';
import { EFLAGS, ESP, PENDING, R_EFLAGS, R_EIP, R_PENDING } from '../../src/runtime/state.js';
import type { Cpu } from '../../src/runtime/state.js';
import { ScriptEngine } from './script-engine.js';

const HANDLER = 0x1000;
let machine: Machine;
let engine: ScriptEngine;
let line: SerialLine;
let sent: number[];

function build(options: Partial<MachineOptions> = {}): void {
  sent = [];
  line = new SerialLine((byte) => sent.push(byte));
  machine = new Machine({
    memoryBytes: 2 << 20,
    clock: 'virtual',
    serial: line,
    debugExit: true,
    noReboot: true,
    createEngine: (cpu) => (engine = new ScriptEngine(cpu)),
    ...options,
  });
  const sector = new Uint8Array(512);
  sector.set([0x55, 0xaa], 510);
  machine.loadKernel(sector);
  // Vector v goes to 0000:1000 + v.
  for (let v = 0; v < 256; v++) machine.memory.write32(4 * v, HANDLER + v);
}
const out = (port: number, value: number): void => machine.cpu.environment.writePort(port, 1, value);
const eip = (): number => machine.cpu.r[R_EIP]!;
const enableInterrupts = (cpu: Cpu): void => setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
/** Offset that the last interrupt pushed: the instruction it came before. */
const interruptedAt = (): number => machine.memory.read16(machine.cpu.r[ESP]!);

function initialisePic(): void {
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 4],
    [0x21, 1],
    [0x21, 0],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 2],
    [0xa1, 1],
    [0xa1, 0],
  ] as const)
    out(port, value);
}
/** Writing the control word takes OUT high, which is an edge of its own: called before the PIC forgets it. */
function startTimer(count: number): void {
  out(0x43, 0x34);
  loadTimer(count);
}
function loadTimer(count: number): void {
  out(0x40, count & 0xff);
  out(0x40, count >> 8);
}

beforeEach(() => build());

describe('vCPU loop', () => {
  it('starts a boot sector at 7C00 and runs exactly the slice', () => {
    expect(eip()).toBe(0x7c00);
    expect(machine.runSlice(1000)).toEqual({});
    expect([machine.instructionsRetired, eip(), machine.now()]).toEqual([1000, 0x7c00 + 1000, 1000]);
  });

  it('interrupts at the instruction at which a timer is due', () => {
    startTimer(1000);
    initialisePic();
    enableInterrupts(machine.cpu);
    const due = timeOfTick(1001, PIT_HERTZ);
    machine.runSlice(due);
    expect([eip(), interruptedAt(), machine.instructionsRetired]).toEqual([
      HANDLER + 0x20,
      (0x7c00 + due) & 0xffff,
      due,
    ]);
    expect(machine.cpu.r[R_EFLAGS]! & EFLAGS.IF).toBe(0);
  });

  it('interrupts at the same instruction whatever the slices', () => {
    const trace = (slice: number): number[] => {
      build();
      startTimer(50);
      initialisePic();
      enableInterrupts(machine.cpu);
      const entered: number[] = [];
      engine.step = (at, cpu) => {
        if (at < HANDLER || at >= HANDLER + 256) return;
        entered.push(machine.instructionsRetired);
        out(0x20, 0x20);
        cpu.r[R_EIP] = 0x7c00;
        enableInterrupts(cpu);
      };
      while (machine.instructionsRetired < 1_000_000)
        machine.runSlice(Math.min(slice, 1_000_000 - machine.instructionsRetired));
      return entered;
    };
    const whole = trace(1_000_000);
    expect(whole.length).toBeGreaterThan(20);
    expect(trace(777)).toEqual(whole);
  });

  it('leaves the engine when a device gets an earlier deadline', () => {
    out(0x43, 0x34);
    initialisePic();
    enableInterrupts(machine.cpu);
    engine.step = (at) => {
      if (at === 0x7c00 + 10) loadTimer(100);
    };
    machine.runSlice(1_000_000);
    // The count was written with 10 instructions retired and loaded with the next tick.
    expect(engine.budgets[0]).toBe(1_000_000);
    expect(engine.budgets.length).toBeGreaterThan(2);
    expect(11 + engine.budgets[1]!).toBe(timeOfTick(101, PIT_HERTZ));
  });

  it('lets one instruction pass after STI, MOV SS and POP SS', () => {
    initialisePic();
    machine.cpu.environment.writePort(0x21, 1, 0xef);
    engine.step = (at, cpu) => {
      if (at === 0x7c05) {
        out(0x3fc, 0x0b);
        out(0x3f9, 2);
        enableInterrupts(cpu);
        cpu.r[R_PENDING]! |= PENDING.SHADOW;
      }
    };
    machine.runSlice(100);
    expect(interruptedAt()).toBe(0x7c07);
    expect(engine.budgets[1]).toBe(1);
  });

  it('keeps the shadow over the end of a slice', () => {
    initialisePic();
    out(0x3fc, 0x0b);
    out(0x3f9, 2);
    engine.step = (at, cpu) => {
      if (at !== 0x7c00) return;
      enableInterrupts(cpu);
      cpu.r[R_PENDING]! |= PENDING.SHADOW;
    };
    machine.runSlice(1);
    expect(eip()).toBe(0x7c01);
    machine.runSlice(1);
    expect([eip(), interruptedAt()]).toEqual([HANDLER + 0x24, 0x7c02]);
  });

  it('does not lose an interrupt that comes with HLT', () => {
    initialisePic();
    engine.step = (at, cpu) => {
      if (at !== 0x7c00) return;
      enableInterrupts(cpu);
      out(0x3fc, 0x0b);
      out(0x3f9, 2);
      hlt(cpu);
    };
    machine.runSlice(2);
    expect([machine.cpu.halted, eip()]).toEqual([false, HANDLER + 0x24 + 1]);
  });
});

describe('halted', () => {
  it('passes idle time at once under the virtual clock', () => {
    startTimer(11932);
    initialisePic();
    engine.step = (at, cpu) => {
      if (at !== 0x7c00) return;
      enableInterrupts(cpu);
      hlt(cpu);
    };
    machine.runSlice(2);
    expect(machine.instructionsRetired).toBe(2);
    expect(machine.now()).toBe(timeOfTick(11933, PIT_HERTZ) + 1);
    expect(eip()).toBe(HANDLER + 0x20 + 1);
  });

  it('waits for input when no timer runs', () => {
    initialisePic();
    out(0x3fc, 0x0b);
    out(0x3f9, 1);
    enableInterrupts(machine.cpu);
    engine.step = (_, cpu) => hlt(cpu);
    expect(machine.runSlice(100)).toEqual({ idleUntil: Infinity });
    expect(machine.runSlice(100)).toEqual({ idleUntil: Infinity });
    line.push([0x61]);
    engine.step = () => undefined;
    expect(machine.runSlice(5)).toEqual({});
    expect(eip()).toBe(HANDLER + 0x24 + 5);
  });

  it('comes back when only masked timers fire', () => {
    out(0x21, 0xff);
    startTimer(2);
    engine.step = (_, cpu) => {
      enableInterrupts(cpu);
      hlt(cpu);
    };
    const first = machine.runSlice(100);
    expect(first.idleUntil).toBe(machine.now());
    expect(machine.instructionsRetired).toBe(1);
  });

  it('with interrupts off is the end', () => {
    engine.step = (_, cpu) => hlt(cpu);
    expect(machine.runSlice(100)).toEqual({ ended: { kind: 'halted-forever' } });
  });
});

describe('host clock', () => {
  it('tells the host how long to sleep, and wakes when the time has come', () => {
    let host = 1e9;
    build({ clock: 'host', hostNow: () => host });
    startTimer(11932);
    initialisePic();
    engine.step = (at, cpu) => {
      if (at !== 0x7c00) return;
      enableInterrupts(cpu);
      hlt(cpu);
    };
    const due = timeOfTick(11933, PIT_HERTZ);
    expect(machine.runSlice(1000)).toEqual({ idleUntil: due });
    host += due - 1;
    expect(machine.runSlice(1000)).toEqual({ idleUntil: due });
    host += 1;
    machine.runSlice(1);
    expect(eip()).toBe(HANDLER + 0x20 + 1);
  });

  it('estimates how many instructions fit before a deadline', () => {
    let host = 0;
    build({ clock: 'host', hostNow: () => host });
    engine.step = () => {
      host += 5;
    };
    startTimer(11932);
    initialisePic();
    machine.runSlice(2_000_000);
    const last = engine.budgets.at(-1)!;
    expect(last).toBeLessThan(400_000);
    expect(machine.now()).toBeGreaterThan(9e6);
  });
});

describe('ends and resets', () => {
  const writeOnce = (port: number, value: number, size = 1): void => {
    engine.step = (at, cpu) => {
      if (at === 0x7c03) cpu.environment.writePort(port, size, value);
    };
  };
  it('debug exit, power-off and reset stop after the instruction that asked', () => {
    writeOnce(0xf4, 3);
    expect(machine.runSlice(100)).toEqual({ ended: { kind: 'debug-exit', status: 7 } });
    expect(machine.instructionsRetired).toBe(4);
    for (const [port, value, size, kind] of [
      [0xb004, 0x2000, 2, 'power-off'],
      [0xcf9, 6, 1, 'reset'],
      [0x92, 1, 1, 'reset'],
      [0x64, 0xfe, 1, 'reset'],
    ] as const) {
      build();
      writeOnce(port, value, size);
      expect(machine.runSlice(100)).toEqual({ ended: { kind } });
    }
  });

  it('a triple fault ends the run or resets the machine', () => {
    const tripleFault = (cpu: Cpu): void => {
      cpu.idtLimit = 0;
      deliverException(cpu, 13, 0);
    };
    engine.step = (at, cpu) => {
      if (at === 0x7c03) tripleFault(cpu);
    };
    expect(machine.runSlice(100)).toEqual({ ended: { kind: 'triple-fault' } });
    build({ noReboot: false });
    let faults = 0;
    engine.step = (at, cpu) => {
      if (at === 0x7c03 && faults++ === 0) tripleFault(cpu);
    };
    machine.memory.write8(0x7c00, 0x77);
    expect(machine.runSlice(100)).toEqual({});
    expect([eip(), machine.memory.read8(0x7c00), machine.cpu.shutdown]).toEqual([0x7c00, 0, false]);
    machine.runSlice(100);
    expect(eip()).toBe(0x7c00 + 100);
  });

  it('starts the TSC from zero at reset and lets the guest set it', () => {
    machine.runSlice(50);
    expect(machine.cpu.environment.readTsc()).toEqual({ low: 50, high: 0 });
    machine.cpu.environment.writeTsc(-10, 6);
    machine.runSlice(20);
    expect(machine.cpu.environment.readTsc()).toEqual({ low: 10, high: 7 });
    machine.reset();
    expect(machine.cpu.environment.readTsc()).toEqual({ low: 0, high: 0 });
  });
});
