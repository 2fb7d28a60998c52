/** Transfers done by code compiled ahead of time leave what the helpers leave, or nothing. */
import { describe, expect, it } from 'vitest';
import { eventFunction, type EventName } from '../../src/jit/region/event-functions.js';
import { Events } from '../../src/jit/region/events.js';
import { BUFFERED_SLOTS, BufferedWrites } from '../../src/hv/buffered-io.js';
import type { AsmLayout } from '../../src/jit/region/asm-printer.js';
import { GuestFault } from '../../src/runtime/fault.js';
import { carries, flagKind, statusFlags } from '../../src/runtime/flags.js';
import { deliverException, softwareTrap } from '../../src/runtime/helpers/interrupts.js';
import { iret } from '../../src/runtime/helpers/iret.js';
import { loadSegment } from '../../src/runtime/helpers/segments.js';
import { cpuid, sysenter, sysexit } from '../../src/runtime/helpers/system.js';
import { wrmsr } from '../../src/runtime/helpers/msr.js';
import { tableAt } from '../../src/runtime/processor-area.js';
import * as state from '../../src/runtime/state.js';
import {
  CODE0,
  CODE3,
  createProtected,
  DATA0,
  DATA3,
  enterRing,
  GDT,
  IDT,
  STACK0,
  TSS,
  write32,
  type Bench,
} from '../runtime/helpers-support.js';

const { R_EFLAGS, R_EIP, R_LINES, R_PENDING, ESP, EAX, ECX, EDX, S_PLAIN, S_TURN, EFLAGS, PENDING } = state;

function layoutOf({ memory }: Bench): AsmLayout {
  const area = memory.processor;
  return {
    buffer: area.buffer,
    r: area.registers,
    RT: tableAt(area, false, 0),
    WT: tableAt(area, true, 0),
    system: area.system,
    attributes: area.system + 4 * state.S_ATTRIBUTES,
    selectors: area.selectors,
    ring: area.ring,
    xmm: 0,
    mxcsr: 0,
    xi: 0,
    xd: 0,
  };
}
function functionsOf(bench: Bench) {
  const events = new Events(() => layoutOf(bench));
  return (name: EventName, ...values: number[]): number => events.function(name)(...values);
}

let seed = 1;
const random = (n: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 0x100000000) * n);
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

/** One way in which two machines are made unusual, the same in both. */
type Change = (bench: Bench) => void;
const SELECTORS = [0, 3, 0x08, 0x10, 0x1b, 0x18, 0x20, 0x23, 0x28, 0x30, 0x0c, 0xf8, 0x40, 0x100];
function flip(at: number): Change {
  const address = at + 4 * random(2);
  const bit = 1 << random(32);
  return (b) => b.cpu.mmu.writeSystem32(address, b.cpu.mmu.readSystem32(address) ^ bit);
}
const word =
  (at: number, value: number): Change =>
  (b) =>
    write32(b, at, value);
function flags(): Change {
  const bits = pick([
    EFLAGS.IF,
    EFLAGS.TF,
    EFLAGS.NT,
    EFLAGS.AC,
    EFLAGS.RF,
    EFLAGS.IOPL,
    EFLAGS.DF,
    EFLAGS.VM,
  ]);
  return ({ cpu }) => void (cpu.r[R_EFLAGS]! ^= bits);
}
const CHANGES: readonly (() => Change)[] = [
  () => flip(GDT + 8 * (1 + random(7))),
  () => flip(IDT + 8 * 0x40),
  () => flip(TSS + 4),
  () => word(TSS + 8, pick(SELECTORS)),
  () => flags(),
  () => {
    const esp = pick([0x7000, 0x7ffc, 0x7001, 0x8010, 0x7fec, 0x7ff0, 0, 4, 20, 0x100000, -4]);
    return ({ cpu }) => void (cpu.r[ESP] = esp);
  },
  () => {
    const limit = pick([0, 0x1f, 0x27, 0x207, 0x206, 0x7ff]);
    return random(2) === 0
      ? ({ cpu }) => void (cpu.gdtLimit = limit)
      : ({ cpu }) => void (cpu.idtLimit = limit);
  },
  () => {
    const segment = pick([0, 3, 4, 5]);
    const selector = pick([0, DATA0, DATA3, 0x23]);
    return ({ cpu }) => {
      try {
        loadSegment(cpu, segment, selector);
      } catch (error) {
        if (!(error instanceof GuestFault)) throw error;
      }
    };
  },
  () => {
    const lines = random(4);
    return ({ cpu }) => void (cpu.r[R_LINES] = lines);
  },
  () =>
    ({ cpu }) =>
      void (cpu.nmiBlocked = true),
  () => {
    const index = 0x174 + random(3);
    const value = pick([0, 8, 0x18, 0x30, 0x1000]);
    return ({ cpu }) => void cpu.msr.set(index, [value, 0]);
  },
];

/** Two machines in the same state. */
function twins() {
  const pair = [createProtected(0), createProtected(0)] as const;
  const functions = functionsOf(pair[1]);
  const prepare = (): void => {
    const cpl = pick([0, 3] as const);
    const kind = flagKind(random(6), pick([8, 16, 32]));
    const values = [random(0x100000000), random(0x100000000), pick([0, random(0x100000000)])];
    const registers = [random(0x100000000), random(0x100000000), random(0x100000000)];
    const frame = [
      random(0x4000),
      pick([CODE0, CODE3, CODE0, CODE3, ...SELECTORS]),
      2 | (random(0x1000) & ~EFLAGS.TF),
      0x9000,
      DATA3,
    ];
    if (random(4) === 0) frame[2]! ^= 1 << random(22);
    if (random(8) === 0) frame[4] = pick(SELECTORS);
    const eflags = 2 | pick([0, EFLAGS.IF]);
    const changes = Array.from({ length: pick([0, 1, 1, 2, 3]) }, () => pick(CHANGES)());
    for (const bench of pair) {
      const { cpu } = bench;
      const fresh = template();
      bench.memory.u8.fill(0, 0x6000, 0x9000);
      bench.memory.u8.set(fresh, GDT);
      cpu.gdtLimit = 0xff;
      cpu.idtLimit = 0x7ff;
      cpu.nmiBlocked = false;
      cpu.msr.clear();
      cpu.msr.set(0x174, [8, 0]).set(0x175, [0x7800, 0]).set(0x176, [0x1234, 0]);
      cpu.r.set(registers);
      cpu.r[R_EFLAGS] = eflags;
      cpu.r[R_LINES] = 0;
      cpu.r.set([kind, ...values], state.R_FLAG_KIND);
      enterRing(bench, cpl);
      cpu.r[ESP] = 0x7000;
      write32(bench, 0x7000, ...frame);
      if (cpl === 0 && random2 % 3 === 0) for (const s of [0, 3, 4, 5]) loadSegment(cpu, s, DATA3);
      for (const change of changes) change(bench);
      write32(bench, IDT + 14 * 8, ...[0, 4].map((i) => cpu.mmu.readSystem32(IDT + 8 * 0x40 + i)));
      cpu.r[R_PENDING] = cpu.system[S_TURN] = 0;
      for (let at = 0; at < 0x20000; at += 4096) {
        cpu.mmu.probeSystemRead(at, 1);
        cpu.mmu.probeSystemWrite(at, 1);
      }
      cpu.system[S_PLAIN] = (cpu.r[R_EFLAGS]! & (EFLAGS.TF | EFLAGS.RF | EFLAGS.VIP)) === 0 ? 1 : 0;
    }
    random2++;
  };
  return { pair, functions, prepare };
}
let random2 = 0;
let kept: Uint8Array | undefined;
/** Descriptor tables and TSS as they should be, everything used. */
function template(): Uint8Array {
  if (kept === undefined) {
    const bench = createProtected(0);
    for (const selector of [CODE0, DATA0, CODE3, DATA3, 0x30])
      bench.cpu.mmu.writeSystem8(
        GDT + (selector & 0xf8) + 5,
        bench.memory.u8[GDT + (selector & 0xf8) + 5]! | 1,
      );
    const [low, high] = [(CODE0 << 16) | 0x4567, 0xee00];
    write32(bench, IDT + 8 * 0x40, low, high);
    write32(bench, TSS + 4, STACK0, DATA0);
    kept = bench.memory.u8.slice(GDT, TSS + 0x300);
  }
  return kept;
}

function everything({ cpu, memory }: Bench) {
  const system = Array.from(cpu.system);
  system[S_TURN] = system[state.S_CR2] = 0;
  const words = [...cpu.r, ...system, ...cpu.segments.selector].join(' ');
  return `${words} ${Buffer.from(memory.u8.subarray(0x1000, 0x8400)).toString('latin1')}`;
}
/** Does it both ways; the share of cases in which the short way did everything. */
function compare(
  times: number,
  long: (bench: Bench) => void,
  short: () => number,
  pair: readonly [Bench, Bench],
) {
  const before = everything(pair[1]);
  let fault: unknown;
  const done = short();
  const after = everything(pair[1]);
  if (done === 0) {
    expect(after === before).toBe(true);
    return 0;
  }
  try {
    long(pair[0]);
  } catch (error) {
    fault = error;
  }
  expect(fault).toBeUndefined();
  expect(after === everything(pair[0])).toBe(true);
  if (pair[1].cpu.system[S_TURN] !== 0) expect(pair[1].cpu.r[R_PENDING]! & PENDING.MODE).not.toBe(0);
  return 1;
}
function share(
  times: number,
  long: (bench: Bench) => void,
  short: (call: ReturnType<typeof functionsOf>, bench: Bench) => number,
): number {
  const { pair, functions, prepare } = twins();
  let done = 0;
  for (let i = 0; i < times; i++) {
    prepare();
    done += compare(i, long, () => short(functions, pair[1]), pair);
  }
  return done / times;
}

describe('events compiled ahead of time', () => {
  it('INT goes where the helper goes', () => {
    const done = share(
      3000,
      ({ cpu }) => softwareTrap(cpu, 0x40, 0x402),
      (call) => call('enterGate', 0x40, 0x402, 1, 0, 0, 0),
    );
    expect(done).toBeGreaterThan(0.3);
  });

  it('so do exceptions with an error code', () => {
    const done = share(
      3000,
      ({ cpu }) => deliverException(cpu, 14, 6, 0x1234),
      (call, bench) => call('enterGate', 14, bench.cpu.r[R_EIP]!, 0, 1, 6, EFLAGS.RF),
    );
    expect(done).toBeGreaterThan(0.3);
  });

  it('IRET returns to the same and to an outer ring', () => {
    const done = share(
      6000,
      ({ cpu }) => iret(cpu, 32, 0x401),
      (call) => call('iret'),
    );
    expect(done).toBeGreaterThan(0.04);
  });

  it('SYSENTER and SYSEXIT', () => {
    expect(
      share(
        1500,
        ({ cpu }) => sysenter(cpu),
        (call) => call('sysenter'),
      ),
    ).toBeGreaterThan(0.3);
    expect(
      share(
        1500,
        ({ cpu }) => sysexit(cpu),
        (call) => call('sysexit'),
      ),
    ).toBeGreaterThan(0.15);
  });

  it('loads of data segments', () => {
    let segment = 0;
    let selector = 0;
    const done = share(
      6000,
      ({ cpu }) => loadSegment(cpu, segment, selector),
      (call) => {
        segment = pick([0, 3, 4, 5]);
        selector = pick(SELECTORS);
        return call('loadSegment', segment, selector);
      },
    );
    expect(done).toBeGreaterThan(0.1);
  });

  it('CPUID notes its answers until an MSR is written', () => {
    const bench = createProtected(0);
    const { cpu } = bench;
    const rows = (): number[][] =>
      Array.from({ length: state.CPUID_ROWS }, (_, i) => {
        const at = state.S_CPUID + i * state.CPUID_ROW;
        return Array.from(cpu.system.slice(at, at + state.CPUID_ROW));
      });
    for (const leaf of [0, 1, 2, 0x80000000 | 0, 0x80000002 | 0, 9, 1]) {
      cpu.r[EAX] = leaf;
      cpu.r[ECX] = 3;
      cpuid(cpu);
      expect(rows()).toContainEqual([1, leaf, 3, ...cpu.model.cpuid(leaf, 3, cpu)]);
    }
    cpu.r.set([0x08, 0x174, 0]);
    cpu.r[EAX] = cpu.r[EDX] = 0;
    wrmsr(cpu);
    expect(rows().flat().some(Boolean)).toBe(false);
  });

  it('writes to devices wait in the ring, as far as the window and one page reach', () => {
    const bench = createProtected(0);
    const { processor } = bench.memory;
    const page = new Int32Array(processor.buffer, processor.ring, 1024);
    const store = eventFunction('storeDevice', layoutOf(bench), {});
    bench.cpu.mmu.readTlb[0][0x55] = 0xb8fff;
    bench.cpu.system.set([0xa0000, 0xb8ffb], state.S_WINDOW);
    const taken: number[][] = [];
    const accepted = [
      [0x55000, 2, 0x12345],
      [0x55001, 1, 0x1ff],
      [0x55ff8, 4, -1],
    ] as const;
    for (const [address, size, value] of accepted) expect(store(address, size, value)).toBe(1);
    for (const [address, size] of [
      [0x55ff9, 4],
      [0x55fff, 2],
      [0x56000, 1],
      [0x1000, 1],
    ] as const)
      expect(store(address, size, 0)).toBe(0);
    bench.cpu.system[state.S_WINDOW] = 0xb8001;
    expect(store(0x55000, 1, 0)).toBe(0);
    bench.cpu.system[state.S_WINDOW] = 0xb8000;
    for (let i = 3; i < BUFFERED_SLOTS; i++) expect(store(0x55000, 1, i)).toBe(1);
    expect(store(0x55000, 1, 0)).toBe(0);
    new BufferedWrites(page).drain((...write) => void taken.push(write));
    expect(taken.slice(0, 4)).toEqual([
      [0xb8000, 2, 0x2345],
      [0xb8001, 1, 0xff],
      [0xb8ff8, 4, 0xffffffff],
      [0xb8000, 1, 3],
    ]);
    expect(taken).toHaveLength(BUFFERED_SLOTS);
    expect(store(0x55000, 1, 0)).toBe(1);
  });

  it('flags of all operations and widths', () => {
    const layout = layoutOf(createProtected(0));
    const status = eventFunction('statusFlags', layout, {});
    const kept = eventFunction('carries', layout, {});
    for (let i = 0; i < 20000; i++) {
      const width = pick([8, 16, 32]);
      const values = [0, 0, 0].map(
        () => (pick([0, 0x80000000, 0x7fffffff, 0xffffffff, random(0x100000000)]) << (32 - width)) | 0,
      );
      const kind = flagKind(random(6), width);
      const [a, b, result] = values as [number, number, number];
      expect(status(kind, a, b, result)).toBe(statusFlags(kind, a, b, result));
      expect(kept(kind, a, b, result)).toBe(carries(kind, a, b, result));
    }
  });
});
