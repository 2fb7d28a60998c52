/** APICs and HPET in the machine: wires, CPUID, MSRs and the instruction at which an interrupt arrives. */
import debug from 'debug';
import { beforeEach, describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { ACPI_BASE } from '../../src/firmware/acpi.js';
import { timeOfTick } from '../../src/hv/frequency.js';
import { PIT_HERTZ } from '../../src/hv/pit.js';
import { Machine } from '../../src/machine.js';
import type { MachineOptions } from '../../src/machine.js';
import { setEflags } from '../../src/runtime/flags.js';
import { EFLAGS, ESP, R_EIP } from '../../src/runtime/state.js';
import { ScriptEngine } from './script-engine.js';

const HANDLER = 0x1000,
  START = 0x7c00;
const LAPIC = 0xfee00000,
  IOAPIC = 0xfec00000,
  HPET = 0xfed00000;
const EOI = 0xb0,
  SVR = 0xf0,
  IRR = 0x200,
  ICR = 0x300,
  LVT_TIMER = 0x320,
  LINT0 = 0x350;
const MASKED = 0x10000,
  TSC_DEADLINE = 0x40000;
const MSR_BASE = 0x1b,
  MSR_DEADLINE = 0x6e0;

let machine: Machine;
let engine: ScriptEngine;
let line: SerialLine;

function build(options: Partial<MachineOptions> = {}): void {
  line = new SerialLine(() => undefined);
  machine = new Machine({
    memoryBytes: 2 << 20,
    clock: 'virtual',
    apic: true,
    serial: line,
    debugExit: false,
    noReboot: true,
    createEngine: (cpu) => (engine = new ScriptEngine(cpu)),
    ...options,
  });
  const sector = new Uint8Array(512);
  sector.set([0x55, 0xaa], 510);
  machine.loadKernel(sector);
  for (let v = 0; v < 256; v++) machine.memory.write32(4 * v, HANDLER + v);
}
const out = (port: number, value: number): void => machine.cpu.environment.writePort(port, 1, value);
const get = (address: number): number => machine.memory.bus.read(address, 4) >>> 0;
const set = (address: number, value: number): void => machine.memory.bus.write(address, 4, value);
const entry = (pin: number): number => {
  set(IOAPIC, 0x10 + 2 * pin);
  return get(IOAPIC + 0x10);
};
const setEntry = (pin: number, value: number): void => {
  set(IOAPIC, 0x10 + 2 * pin);
  set(IOAPIC + 0x10, value);
};
function setMsr(index: number, low: number, high = 0): boolean {
  machine.cpu.msrLow = low;
  machine.cpu.msrHigh = high;
  return machine.cpu.environment.writeMsr(index);
}
const features = (): { apic: boolean; deadline: boolean } => {
  const [, , ecx, edx] = machine.cpu.model.cpuid(1, 0, machine.cpu);
  return { apic: (edx & 0x200) !== 0, deadline: (ecx & (1 << 24)) !== 0 };
};
const enableInterrupts = (): void => setEflags(machine.cpu, EFLAGS.IF, EFLAGS.IF);
const interruptedAt = (): number => machine.memory.read16(machine.cpu.r[ESP]!);
const vector = (): number => machine.cpu.r[R_EIP]! - HANDLER;

function initialisePic(mask: number): void {
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 4],
    [0x21, 1],
    [0x21, mask],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 2],
    [0xa1, 1],
    [0xa1, 0xff],
  ] as const)
    out(port, value);
}
function startPit(count: number): void {
  out(0x43, 0x34);
  out(0x40, count & 0xff);
  out(0x40, count >> 8);
}
function rootTables(): string[] {
  const { memory } = machine;
  const rsdt = memory.read32(ACPI_BASE + 16);
  return Array.from({ length: (memory.read32(rsdt + 4) - 36) / 4 }, (_, i) =>
    new TextDecoder().decode(memory.copyOut(memory.read32(rsdt + 36 + 4 * i), 4)),
  );
}

beforeEach(() => build());

describe('presence', () => {
  it('a machine without APICs shows none of them', () => {
    build({ apic: undefined });
    expect([features().apic, setMsr(MSR_BASE, 0), rootTables()]).toEqual([false, false, ['FACP']]);
    for (const address of [LAPIC + 0x30, IOAPIC + 0x10, HPET]) expect(get(address)).toBe(0xffffffff);
  });
  it('a machine with them tells ACPI and CPUID', () => {
    expect(rootTables()).toEqual(['FACP', 'APIC', 'HPET']);
    expect(features()).toEqual({ apic: true, deadline: true });
    expect([get(LAPIC + 0x30), get(HPET)]).toEqual([0x50014, 0x8086a201]);
    build({ cpu: 'pentium3' });
    expect([features(), setMsr(MSR_DEADLINE, 1)]).toEqual([{ apic: true, deadline: false }, false]);
    expect(() => build({ cpu: '486' })).toThrow(/486 has no local APIC/);
  });
  it('CPUID stops announcing an APIC that is disabled; other leaves are the same', () => {
    expect(setMsr(MSR_BASE, 0xfee00100 | 0)).toBe(true);
    expect(features()).toEqual({ apic: false, deadline: false });
    build({ apic: false });
    const plain = [0, 0x80000000 | 0, 0x80000001 | 0].map((l) => machine.cpu.model.cpuid(l, 0, machine.cpu));
    build();
    expect(
      [0, 0x80000000 | 0, 0x80000001 | 0].map((l) => machine.cpu.model.cpuid(l, 0, machine.cpu)),
    ).toEqual(plain);
  });
});

describe('virtual wire', () => {
  it('the PIC interrupts at the instruction it does without APICs', () => {
    const interrupted = (apic: boolean): number[] => {
      build({ apic });
      startPit(1000);
      initialisePic(0xfe);
      enableInterrupts();
      machine.runSlice(timeOfTick(1001, PIT_HERTZ));
      return [vector(), interruptedAt(), machine.instructionsRetired];
    };
    const without = interrupted(false);
    expect(without[0]).toBe(0x20);
    expect(interrupted(true)).toEqual(without);
  });
  it('comes back with a reset, and holds with the APIC disabled', () => {
    set(LAPIC + LINT0, MASKED);
    machine.reset();
    expect([get(LAPIC + SVR), get(LAPIC + LINT0)]).toEqual([0x1ff, 0x700]);
    setMsr(MSR_BASE, 0xfee00100 | 0);
    startPit(100);
    initialisePic(0xfe);
    enableInterrupts();
    machine.runSlice(200_000);
    expect(vector()).toBeGreaterThanOrEqual(0x20);
    expect(interruptedAt()).toBeGreaterThan(START);
  });
  it('ExtINT through pin 0 of the I/O APIC', () => {
    set(LAPIC + LINT0, MASKED);
    setEntry(0, 0x700);
    startPit(100);
    initialisePic(0xfe);
    enableInterrupts();
    machine.runSlice(timeOfTick(101, PIT_HERTZ));
    expect(vector()).toBe(0x20);
  });
});

describe('I/O APIC', () => {
  it('IRQ0 is on pin 2, other ISA lines on their own', () => {
    setEntry(2, 0x52);
    setEntry(4, 0x54);
    out(0x43, 0x34);
    startPit(100);
    set(LAPIC + EOI, 0);
    enableInterrupts();
    machine.runSlice(1);
    expect(vector()).toBe(0x52 + 1);
    set(LAPIC + EOI, 0);
    out(0x3fc, 0x0b);
    out(0x3f9, 2);
    enableInterrupts();
    machine.runSlice(1);
    expect(vector()).toBe(0x54 + 1);
  });
  it('a level that the disabled local APIC did not take arrives when it is enabled', () => {
    set(LAPIC + SVR, 0xff);
    setEntry(9, 0x8039);
    out(0xb2, 0xf1);
    machine.cpu.environment.writePort(0xb002, 2, 0x100);
    machine.pressPowerButton();
    expect(entry(9)).toBe(0x8039);
    set(LAPIC + SVR, 0x1ff);
    expect(entry(9)).toBe(0xc039);
  });
  it('PIC and I/O APIC see the same lines; the PIC is served first', () => {
    initialisePic(0xef);
    setEntry(4, 0xf4);
    out(0x3fc, 0x0b);
    out(0x3f9, 2);
    enableInterrupts();
    machine.runSlice(1);
    expect(vector()).toBe(0x24 + 1);
    enableInterrupts();
    machine.runSlice(1);
    expect(vector()).toBe(0xf4 + 1);
  });
  it('SCI is a level on pin 9 until the chip is quiet', () => {
    setEntry(9, 0x8039);
    out(0xb2, 0xf1);
    machine.cpu.environment.writePort(0xb002, 2, 0x100);
    machine.pressPowerButton();
    enableInterrupts();
    machine.runSlice(1);
    expect([vector(), entry(9)]).toEqual([0x3a, 0xc039]);
    set(LAPIC + EOI, 0);
    expect(entry(9)).toBe(0xc039);
    machine.cpu.environment.writePort(0xb000, 2, 0x100);
    enableInterrupts();
    machine.runSlice(1);
    set(LAPIC + EOI, 0);
    expect(entry(9)).toBe(0x8039);
  });
});

describe('timers', () => {
  it('the local timer interrupts at the instruction at which it is due, whatever the slices', () => {
    const trace = (slice: number): number[] => {
      build();
      set(LAPIC + 0x3e0, 0xb);
      set(LAPIC + LVT_TIMER, 0x200ec);
      set(LAPIC + 0x380, 333);
      enableInterrupts();
      const entered: number[] = [];
      engine.step = (at, cpu) => {
        if (at < HANDLER || at >= HANDLER + 256) return;
        entered.push(machine.instructionsRetired);
        set(LAPIC + EOI, 0);
        cpu.r[R_EIP] = START;
        enableInterrupts();
      };
      while (machine.instructionsRetired < 100_000)
        machine.runSlice(Math.min(slice, 100_000 - machine.instructionsRetired));
      return entered;
    };
    const whole = trace(100_000);
    expect(whole.slice(0, 3)).toEqual([3330, 6660, 9990]);
    expect(whole).toHaveLength(30);
    expect(trace(777)).toEqual(whole);
  });
  it('a TSC deadline written in the middle of a run shortens it; one behind the TSC fires at once', () => {
    set(LAPIC + LVT_TIMER, TSC_DEADLINE | 0xec);
    enableInterrupts();
    engine.step = (at) => {
      if (at === START + 10) setMsr(MSR_DEADLINE, 500);
      if (at === HANDLER + 0xec) {
        set(LAPIC + EOI, 0);
        enableInterrupts();
        setMsr(MSR_DEADLINE, 1);
      }
    };
    machine.runSlice(501);
    expect(interruptedAt()).toBe(HANDLER + 0xec + 1);
    expect([engine.budgets[0], machine.instructionsRetired]).toEqual([501, 501]);
    expect(machine.memory.read16(machine.cpu.r[ESP]! + 6)).toBe(START + 500);
  });
  it('writing the TSC moves the deadline', () => {
    set(LAPIC + LVT_TIMER, TSC_DEADLINE | 0xec);
    const due = (): number => machine.devices.find((d) => d.name === 'lapic')!.deadline!();
    setMsr(MSR_DEADLINE, 5000);
    expect(due()).toBe(5000);
    machine.runSlice(1000);
    machine.cpu.environment.writeTsc(4000, 0);
    expect(due()).toBe(2000);
    machine.cpu.environment.writeTsc(0, 0);
    expect(due()).toBe(6000);
    machine.cpu.environment.writeTsc(0, 7);
    expect(due()).toBe(1000 + 5000 - 7 * 2 ** 32);
  });
  it('HPET legacy replacement drives IRQ0 and IRQ8', () => {
    setEntry(2, 0x52);
    setEntry(8, 0x58);
    for (const n of [0, 1]) {
      set(HPET + 0x100 + 0x20 * n, 0x104);
      set(HPET + 0x108 + 0x20 * n, 10 * (n + 1));
    }
    set(HPET + 0x10, 3);
    enableInterrupts();
    machine.runSlice(160);
    expect([vector(), interruptedAt()]).toEqual([0x52, START + 160]);
    set(LAPIC + EOI, 0);
    enableInterrupts();
    machine.runSlice(160);
    expect(vector()).toBe(0x58);
  });
  it('a halted guest is woken by the local timer', () => {
    set(LAPIC + LVT_TIMER, TSC_DEADLINE | 0xec);
    setMsr(MSR_DEADLINE, 1_000_000);
    enableInterrupts();
    machine.cpu.halted = true;
    machine.runSlice(10);
    expect([vector(), machine.now()]).toEqual([0xec + 10, 1_000_010]);
  });
});

describe('interprocessor interrupts', () => {
  it('NMI to itself ignores IF', () => {
    set(LAPIC + ICR, 0x44400);
    machine.runSlice(1);
    expect([vector(), interruptedAt()]).toEqual([2 + 1, START]);
  });
  it('NMI interrupts a run after the instruction that asked for it', () => {
    engine.step = (at) => {
      if (at === START + 10) set(LAPIC + ICR, 0x44400);
    };
    machine.runSlice(100);
    expect(interruptedAt()).toBe(START + 11);
  });
  it('a fixed one waits for IF', () => {
    set(LAPIC + ICR, 0x44055);
    machine.runSlice(5);
    expect([vector() < 0 || vector() > 255, get(LAPIC + IRR + 0x20)]).toEqual([true, 1 << 21]);
    enableInterrupts();
    machine.runSlice(1);
    expect([vector(), interruptedAt()]).toEqual([0x55 + 1, START + 5]);
  });
  it('INIT restarts the machine', () => {
    engine.step = () => set(LAPIC + ICR, 0x44500);
    expect(machine.runSlice(10)).toEqual({ ended: { kind: 'reset' } });
  });
});

describe('system-management interrupts', () => {
  const SMI = 0x200,
    SMI_COMMAND = 0xb2;
  it('are refused, which is told once for each source', () => {
    const lines: string[] = [];
    const { log } = debug;
    debug.log = (...parts: unknown[]) => lines.push(parts.join(' '));
    debug.enable('hvm:smi');
    try {
      build();
      const before = machine.cpu.r.slice();
      for (const value of [SMI, 0x40000 | SMI, 0x80000 | SMI]) set(LAPIC + ICR, value);
      setEntry(5, SMI);
      for (const value of [0, 1, 0xff]) out(SMI_COMMAND, value);
      expect(machine.cpu.r).toEqual(before);
      expect(lines.filter((text) => text.includes('a message of an APIC'))).toHaveLength(1);
      expect(lines.filter((text) => text.includes('port b2'))).toHaveLength(1);
      expect(machine.runSlice(10).ended).toBeUndefined();
    } finally {
      debug.log = log;
      debug.disable();
    }
  });
});
