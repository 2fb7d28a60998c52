/** One engine on the bare machine of the engine fuzzer: brings it to a case's initial state, runs it, resumes it after faults. */
import type { JitEngine } from '../jit/engine.js';
import { createEngine } from '../jit/engines.js';
import type { EngineName } from '../jit/engines.js';
import { HANDLERS, KERNEL_STACK, VectorMachine } from '../jit/vector-machine.js';
import { HAS_ERROR_CODE, Vector } from '../runtime/fault.js';
import { setStatusFlags } from '../runtime/flags.js';
import { deliverInterrupt } from '../runtime/helpers/interrupts.js';
import { setCpl, setSegment } from '../runtime/helpers/segments.js';
import {
  CR0,
  CR4,
  EFLAGS,
  ESP,
  PENDING,
  R_BUDGET,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
  R_SEGMENT_BASE,
  STATUS_FLAGS,
} from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';
import { LAYOUT, counterOf, isWild } from './fuzz-case.js';
import type { FuzzCase, Program } from './fuzz-case.js';
import { enterEnvironment, environmentFlags, prepareRealMode, realVector } from './fuzz-modes.js';

const HLT = 0xf4;
const GDT = 0x620000,
  IDT = 0x621000,
  DIRECTORY = 0x630000,
  FIRST_TABLE = 0x631000;
/** Handlers, tables and page tables: everything from here to the end belongs to the harness. */
const SYSTEM_FIRST = 0x600000,
  SYSTEM_LAST = 0x633fff;
/** Descriptors the guest can load: user code, user data, TSS, 16-bit data of 4 KiB, expand-down data, 16-bit code (CODE_16). */
const DESCRIPTORS: readonly (readonly [low: number, high: number])[] = [
  [0x0000ffff, 0x00cffb00],
  [0x0000ffff, 0x00cff300],
  [0x20000067, 0x00008b62],
  [0x00000fff, 0x0020f320],
  [0x0000ffff, 0x0040f700],
  [0x0000ffff, 0x00009b02],
];
const CODE_BASE = { 16: 0x20000, 32: 0 } as const;
/** Pages of the 16-bit data segment that fault: read-only, not present. */
const READ_ONLY_16 = 0x37000,
  ABSENT_16 = 0x39000;

interface Stretch {
  readonly first: number;
  readonly bytes: number;
}

/** Words that operands, pointers and stacks are likely to need, repeated with noise. */
function pattern(bits: 16 | 32): Int32Array {
  const pointers =
    bits === 32 ? [0x200100, 0x300200, 0x400000, 0x201ff8] : [0x01001000, 0x10000100, 0x6ff01000, 0x001b0020];
  const words = new Int32Array(0x40000 / 4 + 4096);
  let state = 0x1234567;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    const kind = (state >>> 16) & 7;
    words[i] =
      kind < 2
        ? pointers[(state >>> 20) & 3]!
        : kind < 4
          ? (state >> 20) & 0xff
          : kind === 4
            ? 0x3ff00000
            : state ^ (state >>> 13);
  }
  return words;
}

function joined(pages: readonly [number, Int32Array][]): Int32Array {
  const out = new Int32Array(pages.reduce((sum, [, words]) => sum + words.length, 0));
  let at = 0;
  for (const [, words] of pages) {
    out.set(words, at);
    at += words.length;
  }
  return out;
}

/** Pages that follow each other lie apart, so that an access that runs over a page's end unnoticed shows. */
const SCATTER = 1;

export class FuzzMachine {
  readonly cpu: Cpu;
  readonly engine: JitEngine;
  readonly name: EngineName;
  readonly machine: VectorMachine;
  /** Emitted source of the case's regions. */
  readonly sources = new Map<string, string>();
  /** Memory the guest is meant to touch; the kernel stack last. */
  private readonly stretches: readonly Stretch[];
  private readonly words: Int32Array;
  private readonly system: Int32Array;
  private readonly pristine: Int32Array;
  private current!: FuzzCase;
  /** Offset of the case's end in CS. */
  private codeEnd = 0;
  private wild = false;

  constructor(name: EngineName, bits: 16 | 32) {
    this.name = name;
    this.machine = new VectorMachine(bits, SCATTER);
    this.cpu = this.machine.cpu;
    this.engine = createEngine(name, {
      heatThreshold: 2,
      targetThreshold: 3,
      onTranslation: (region, source) => this.sources.set(region, source),
    })(this.cpu, this.machine.memory);
    this.stretches = [
      ...this.machine.ranges.map((range) => ({ first: range.first, bytes: range.last + 1 - range.first })),
      { first: KERNEL_STACK - 4096, bytes: 4096 },
    ];
    this.words = pattern(bits);
    this.prepareSystem();
    this.system = this.systemWords();
    this.pristine = joined(this.pages({ first: 0, bytes: this.machine.memory.ramBytes }));
  }

  private prepareSystem(): void {
    const { memory, bits } = this.machine;
    for (let vector = 0; vector < 256; vector++) memory.write8(HANDLERS + vector, HLT);
    prepareRealMode(memory);
    DESCRIPTORS.forEach(([low, high], n) => {
      memory.write32(GDT + 24 + n * 8, low);
      memory.write32(GDT + 28 + n * 8, high);
    });
    if (bits !== 16) return;
    memory.write32(FIRST_TABLE + (READ_ONLY_16 >>> 12) * 4, READ_ONLY_16 | 5);
    memory.write32(FIRST_TABLE + (ABSENT_16 >>> 12) * 4, 0);
  }

  /** Pages, each as [first address, words]. */
  private pages({ first, bytes }: Stretch): [number, Int32Array][] {
    const { memory } = this.machine;
    const out: [number, Int32Array][] = [];
    for (let at = first; at < first + bytes; at = (at & -4096) + 4096) {
      const end = Math.min(first + bytes, (at & -4096) + 4096);
      const machine = memory.machineAddress(at) >> 2;
      out.push([at, memory.i32.subarray(machine, machine + ((end - at) >> 2))]);
    }
    return out;
  }
  /** Descriptor tables, page tables and handlers. */
  systemWords(): Int32Array {
    return joined(this.pages({ first: SYSTEM_FIRST, bytes: SYSTEM_LAST + 1 - SYSTEM_FIRST }));
  }
  /** Memory to compare, as [first address, words]. */
  memory(): [number, Int32Array][] {
    return this.stretches.flatMap((stretch) => this.pages(stretch));
  }

  // ---- the initial state ------------------------------------------------------------------------------------------------
  load(c: FuzzCase, program: Program): void {
    this.current = c;
    this.engine.cache.reset();
    this.sources.clear();
    if (this.wild) this.restoreAll();
    this.wild = isWild(c);
    this.codeEnd = LAYOUT[c.bits].code + c.offset + program.bytes.length;
    this.restoreSystem();
    this.loadMemory(c, program);
    this.loadControl(c);
    this.enter(c);
    const { r } = this.cpu;
    c.registers.forEach((value, i) => (r[i] = value));
    if (c.loop !== 0) r[counterOf(c)] = c.iterations;
    this.setFlags(c.flags);
    r[R_EIP] = LAYOUT[c.bits].code + c.offset;
    r[R_PENDING] = PENDING.MODE;
    this.loadFpu(c);
    this.engine.synchronize();
  }
  /** A wild case may have written anywhere. */
  private restoreAll(): void {
    const { memory } = this.machine;
    memory.copyIn(0, new Uint8Array(this.pristine.buffer));
  }
  private restoreSystem(): void {
    const now = this.systemWords();
    for (let i = 0; i < now.length; i++) {
      if (now[i] !== this.system[i]) this.machine.memory.write32(SYSTEM_FIRST + i * 4, this.system[i]!);
    }
  }
  private loadMemory(c: FuzzCase, program: Program): void {
    let start = c.memory & 4095;
    for (const [, words] of this.memory()) {
      words.set(this.words.subarray(start, start + words.length));
      start = (start + 37) & 4095;
    }
    this.machine.memory.copyIn(CODE_BASE[c.bits] + LAYOUT[c.bits].code + c.offset, program.bytes);
  }
  private loadControl(c: FuzzCase): void {
    const { cpu } = this;
    cpu.cr0 = CR0.PE | CR0.PG | CR0.WP | CR0.AM | CR0.NE | CR0.MP | CR0.ET | 0;
    if (c.control === 1) cpu.cr0 |= CR0.TS;
    if (c.control === 2) cpu.cr0 |= CR0.EM;
    cpu.efer = 0;
    cpu.cr4 = (c.control === 3 ? 0 : CR4.OSFXSR) | CR4.OSXMMEXCPT;
    cpu.cr2 = 0;
    cpu.cr3 = DIRECTORY;
    cpu.gdtBase = GDT;
    cpu.gdtLimit = 23 + 8 * DESCRIPTORS.length;
    cpu.idtBase = IDT;
    cpu.idtLimit = 2047;
    cpu.dr.fill(0);
    cpu.msr.clear();
    cpu.nmiBlocked = false;
    cpu.mmu.flush(true);
    cpu.mmu.controlRegistersChanged();
  }
  private loadFpu(c: FuzzCase): void {
    const { fpu } = this.cpu;
    fpu.reset();
    if (c.fpu === 0) return;
    const { words } = this;
    for (let i = 0; i < fpu.words.length; i++) fpu.words[i] = words[c.fpu + i]!;
    for (let i = 0; i < 8; i++) if (i & c.fpu) fpu.exponent[i] = 0x3ff0 + (words[c.fpu + 90 + i]! & 0x803f);
    fpu.setControlWord([0x37f, 0x27f, 0x7f, 0xf7f, 0x37f, 0x340, 0xb7f, 0x372][c.fpu & 7]!);
    fpu.setStatusWord((words[c.fpu + 99]! & 7) << 11);
    fpu.valid = words[c.fpu + 100]! & 255;
    fpu.mxcsr = [0x1f80, 0x1f80, 0x3f80, 0x9fc0, 0x5f80, 0x1f00, 0x7f80, 0x1000][(c.fpu >> 3) & 7]!;
  }
  /** Segments and privilege of the case; the stack pointer and flags are the caller's. */
  private enter(c: FuzzCase): void {
    const { cpu, machine } = this;
    machine.enterUser();
    if (c.cpl === 0) this.enterSupervisor();
    enterEnvironment(cpu, c.environment ?? 0, c.memory, this.codeEnd);
  }
  private enterSupervisor(): void {
    const { cpu } = this;
    const { base, limit, attributes } = cpu.segments;
    for (let n = 0; n < 6; n++)
      setSegment(cpu, n, n === 1 ? 0x08 : 0x10, base[n]!, limit[n]!, attributes[n]! & ~0x60);
    setCpl(cpu, 0);
  }
  private setFlags(eflags: number): void {
    const own = environmentFlags(this.current.environment ?? 0);
    this.cpu.r[R_EFLAGS] = (eflags & ~STATUS_FLAGS) | own | 2;
    setStatusFlags(this.cpu, eflags);
  }

  // ---- running ------------------------------------------------------------------------------------------------------------
  /** Runs `budget` instructions or until something stops the engine; what is left of the budget stays in r[R_BUDGET]. */
  run(budget: number): void {
    const { r } = this.cpu;
    r[R_BUDGET] = budget;
    r[R_PENDING]! &= ~(PENDING.SHADOW | PENDING.EXIT | PENDING.INTERRUPT);
    this.engine.run();
  }
  /** The vector whose handler the processor has halted in, or -1. */
  vector(): number {
    const { r, halted } = this.cpu;
    const real = halted ? realVector(this.cpu, r[R_EIP]!) : -1;
    if (real >= 0) return real;
    const vector = r[R_EIP]! - HANDLERS - 1;
    return halted && r[R_SEGMENT_BASE + 1] === 0 && vector >= 0 && vector < 256 ? vector : -1;
  }

  /** Requests a hardware interrupt: taken at once, or lost while the processor takes none. */
  interrupt(vector: number): void {
    const { cpu } = this;
    const { r } = cpu;
    if ((r[R_PENDING]! & (PENDING.SHADOW | PENDING.STACK_SHADOW)) !== 0) return;
    if ((r[R_EFLAGS]! & EFLAGS.IF) !== 0) deliverInterrupt(cpu, vector);
  }

  /** What the handler that has halted would return to. */
  private frame(vector: number): { eip: number; esp: number; eflags: number } {
    const { cpu } = this;
    const { memory } = this.machine;
    const top = cpu.segments.base[2]!;
    const sp = cpu.r[ESP]!;
    if ((cpu.cr0 & CR0.PE) === 0) {
      const word = (n: number): number => memory.read16((top + ((sp + 2 * n) & 0xffff)) | 0) & 0xffff;
      return { eip: word(0), esp: (sp & ~0xffff) | ((sp + 6) & 0xffff), eflags: word(2) };
    }
    const stack = (sp + (HAS_ERROR_CODE.has(vector) ? 4 : 0)) >>> 0;
    const read = (n: number): number => memory.read32((top + stack + 4 * n) | 0);
    const isOuter = stack === KERNEL_STACK - 20 || stack === KERNEL_STACK - 36;
    return { eip: read(0), esp: isOuter ? read(3) : stack + 12, eflags: read(2) };
  }

  /**
   * After a delivered fault: goes on behind the instruction at fault, as a handler that skips it would. False where the block cannot go on.
   */
  resume(program: Program): boolean {
    const { cpu, current: c } = this;
    const vector = this.vector();
    cpu.halted = false;
    cpu.exitReason = 0;
    if (vector < 0) return true;
    const { eip, esp, eflags } = this.frame(vector);
    const next = followUp(program, eip - LAYOUT[c.bits].code - c.offset, vector);
    if (next === undefined) return false;
    // Whatever the case has switched to, it goes on as it began.
    if (this.wild) this.loadControl(c);
    this.enter(c);
    cpu.r[ESP] = esp;
    this.setFlags(eflags & ~EFLAGS.VM & ~EFLAGS.RF);
    cpu.r[R_EIP] = LAYOUT[c.bits].code + c.offset + next;
    cpu.r[R_PENDING] = PENDING.MODE;
    this.engine.synchronize();
    return true;
  }
}

/** Interrupts and traps push the next instruction's offset, faults the current one's (SDM vol. 3, 6.5). */
const isTrap = (vector: number): boolean =>
  vector === Vector.DB || vector === Vector.BP || vector === Vector.OF || vector >= 32;
function followUp({ boundaries }: Program, offset: number, vector: number): number | undefined {
  // Behind the INT3 that ends the block: once more from the start, with what the registers hold now.
  if (vector === Vector.BP && offset === boundaries.at(-1)! + 1) return 0;
  const at = boundaries.indexOf(offset);
  if (at < 0) return undefined;
  return isTrap(vector) ? offset : boundaries[at + 1];
}
