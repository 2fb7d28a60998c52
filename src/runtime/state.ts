/**
 * Live state of one processor (pCPU) as typed arrays: the interpreter, translated regions, the evaluator and every helper work on this
 * object. Scheduling a vCPU copies `CpuState` in and out; nothing about "the" CPU lives elsewhere.
 *
 * `r` (Int32Array) is one array so that the interpreter addresses registers as data:
 *
 *   0-7   EAX ECX EDX EBX ESP EBP ESI EDI
 *   8     always 0 (absent base or index)
 *   9-14  segment bases ES CS SS DS FS GS
 *   16    EIP (offset in CS; in regions exact only at exits)
 *   17-20 lazy flags: kind, a, b, result (see flags.ts)
 *   21    EFLAGS without CF PF AF ZF SF OF (bit 1 always set)
 *   22    instruction budget: instructions that may still run before the vCPU loop must look
 *   23    pending word (PENDING_* bits): tested after everything that can set it
 *   24    CPL
 *   25    exit site of the region that just returned; 0 if it goes on at r[R_EIP]
 *   26-28 what the interpreter runs: slot, offset in CS of its page, base in the code cache's map
 *   29    epoch: changes whenever an execute translation or a region goes away
 *   30    LINES bits: what waits at the processor's pins, for STI and POPF to see
 *   31    not 0: an access of generated code met the page fault that the one fault record tells of; the dispatcher delivers it
 */
import { InstructionTrace } from './breakpoints.js';
import type { Fpu } from './fpu/state.js';
import type { Mmu } from './mmu.js';
import type { ProcessorArea } from './processor-area.js';

export const EAX = 0,
  ECX = 1,
  EDX = 2,
  EBX = 3,
  ESP = 4,
  EBP = 5,
  ESI = 6,
  EDI = 7;
export const R_ZERO = 8;
/** r[R_SEGMENT_BASE + segment index]. */
export const R_SEGMENT_BASE = 9;
export const R_EIP = 16;
export const R_FLAG_KIND = 17,
  R_FLAG_A = 18,
  R_FLAG_B = 19,
  R_FLAG_RESULT = 20;
export const R_EFLAGS = 21;
export const R_BUDGET = 22;
export const R_PENDING = 23;
export const R_CPL = 24;
export const R_SITE = 25;
export const R_SLOT = 26,
  R_PAGE_EIP = 27,
  R_MAP_BASE = 28;
export const R_EPOCH = 29;
export const R_LINES = 30;
export const R_FAULT = 31;
export const R_COUNT = 32;

/**
 * Words of `Cpu.system`: what transfers between privilege levels work on, where code that the host compiles ahead of time reaches it (jit/region/event-functions.ts).
 *
 *   0-7   segment bases, 8-15 limits (uint32), 16-19 attributes (uint16 each), by segment, LDTR and TR
 *   20    `Segments.flat`
 *   21-24 GDTR and IDTR: base and limit of each
 *   25    NMIs are blocked
 *   26    not 0: protected mode, nothing is stepped or watched; kept by the engine
 *   30    not 0: all that PENDING.MODE announces is a change between CPL 3 and another level
 *   27-29 IA32_SYSENTER_CS, ESP, EIP: low halves of what `Cpu.msr` holds
 *   31    CR2
 *   32-   CPUID_ROWS answers of CPUID: 1 if there is one, leaf, subleaf, EAX, EBX, ECX, EDX
 *   88-89 first and last guest-physical address to which writes may be put into the ring of those that wait (hv/mmio-bus.ts); none while the first is higher
 */
export const S_BASE = 0,
  S_LIMIT = 8,
  S_ATTRIBUTES = 16,
  S_FLAT = 20;
export const S_GDT_BASE = 21,
  S_GDT_LIMIT = 22,
  S_IDT_BASE = 23,
  S_IDT_LIMIT = 24;
export const S_NMI_BLOCKED = 25,
  S_PLAIN = 26,
  S_SYSENTER = 27,
  S_TURN = 30,
  S_CR2 = 31;
export const S_CPUID = 32,
  CPUID_ROWS = 8,
  CPUID_ROW = 7;
export const S_WINDOW = 88;
export const S_COUNT = 96;

/** EFLAGS bits (SDM vol. 1, 3.4.3). */
export const EFLAGS = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;
/** The six flags that live in the lazy representation. */
export const STATUS_FLAGS = EFLAGS.CF | EFLAGS.PF | EFLAGS.AF | EFLAGS.ZF | EFLAGS.SF | EFLAGS.OF;

export const CR0 = {
  PE: 1 << 0,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 1 << 31,
} as const;
export const CR4 = {
  VME: 1 << 0,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
} as const;
export const EFER = { SCE: 1 << 0, LME: 1 << 8, LMA: 1 << 10, NXE: 1 << 11 } as const;

/** Bits of r[R_LINES]. */
export const LINES = { INTR: 1 << 0, NMI: 1 << 1 } as const;

/** Bits of r[R_PENDING]; any bit makes translated code return to the dispatcher at the next instruction boundary. */
export const PENDING = {
  /** An interrupt line, NMI or SMI changed. */
  INTERRUPT: 1 << 0,
  /** Code under the running region or interpreter page was invalidated. */
  CODE: 1 << 1,
  /** CS, SS, CPL, CR0, CR4, flat bits … may have changed: recompute the mode key. */
  MODE: 1 << 2,
  /** `exit` was raised by a helper (HLT, shutdown, power-off …). */
  EXIT: 1 << 3,
  /** Interrupts are held off for one instruction (STI, MOV SS, POP SS). */
  SHADOW: 1 << 4,
  /** Debug exceptions are held off too (MOV SS, POP SS); the engine takes it when it goes on. */
  STACK_SHADOW: 1 << 5,
} as const;

/** Hidden part of a segment register. `attributes` are descriptor bits 40-55 (type, S, DPL, P, AVL, L, D/B, G) shifted down by 40 with the limit nibble cleared. */
export class Segments {
  /** Index 0-5 as Sreg; 6 LDTR, 7 TR. Visible selectors. */
  readonly selector: Uint16Array;
  /** Bases; 0-5 are mirrored in r[R_SEGMENT_BASE + i] by `setSegment`, which is the only writer. */
  readonly base: Int32Array;
  /** Byte-granular limits as uint32. */
  readonly limit: Uint32Array;
  readonly attributes: Uint16Array;
  private readonly system: Int32Array;

  /** Words of `Cpu.system`, and where selectors lie. */
  constructor(system: Int32Array, area?: ProcessorArea) {
    const { buffer, byteOffset } = system;
    this.system = system;
    this.base = new Int32Array(buffer, byteOffset + 4 * S_BASE, 8);
    this.limit = new Uint32Array(buffer, byteOffset + 4 * S_LIMIT, 8);
    this.attributes = new Uint16Array(buffer, byteOffset + 4 * S_ATTRIBUTES, 8);
    this.selector = area ? new Uint16Array(area.buffer, area.selectors, 8) : new Uint16Array(8);
  }

  /** Bit i: `isFlat` of segment 0-5 (mode.ts). */
  get flat(): number {
    return this.system[S_FLAT]!;
  }
  set flat(bits: number) {
    this.system[S_FLAT] = bits;
  }
}
export const LDTR = 6,
  TR = 7;
/** Bits of `attributes`. */
export const ATTRIBUTE = {
  /** Type bit 0 of code/data descriptors. */
  ACCESSED: 1 << 0,
  /** Data: writable; code: readable. */
  READ_WRITE: 1 << 1,
  /** Data: expand-down; code: conforming. */
  EXPAND_DOWN_CONFORMING: 1 << 2,
  CODE: 1 << 3,
  TYPE: 15,
  S: 1 << 4,
  DPL: 3 << 5,
  P: 1 << 7,
  L: 1 << 13,
  DB: 1 << 14,
  G: 1 << 15,
} as const;

/** What helpers ask of the world outside the processor; hv implements it. Port and time calls happen with eip, flags and budget exact. */
export interface CpuEnvironment {
  /** size in bytes 1, 2, 4; returns an unsigned value of that size. */
  readPort(port: number, size: number): number;
  writePort(port: number, size: number, value: number): void;
  /** `count` elements of `size` bytes at once to or from machine address `machine` upwards: how many it were, 0 when they have to go one by one. */
  readPorts?(port: number, size: number, machine: number, count: number): number;
  writePorts?(port: number, size: number, machine: number, count: number): number;
  /** Time-stamp counter now: low and high 32 bits as int32 pair. */
  readTsc(): { low: number; high: number };
  writeTsc(low: number, high: number): void;
  /** MSRs that are not the processor's own (APIC base …); false: #GP(0). The value is in / put into `msrLow`, `msrHigh` of the cpu. */
  readMsr(index: number): boolean;
  writeMsr(index: number): boolean;
  /** FERR#: a waiting x87 instruction met error number `error` (Fpu.errors) with CR0.NE = 0. Whether IGNNE# is asserted for it. */
  numericError(error: number): boolean;
  /** Vector of the highest pending maskable interrupt, acknowledging it; -1 if none after all. */
  acknowledgeInterrupt(): number;
}

const SYSENTER_CS = 0x174,
  SYSENTER_EIP = 0x176;

/** Model-specific registers that are storage; those of SYSENTER are kept in `Cpu.system` as well. Emptied, it forgets what CPUID answered, which depends on some. */
class StoredMsrs extends Map<number, [number, number]> {
  private readonly system: Int32Array;

  constructor(system: Int32Array) {
    super();
    this.system = system;
  }
  override set(index: number, value: [number, number]): this {
    if (index >= SYSENTER_CS && index <= SYSENTER_EIP)
      this.system[S_SYSENTER + index - SYSENTER_CS] = value[0];
    return super.set(index, value);
  }
  override clear(): void {
    this.system.fill(0, S_SYSENTER, S_SYSENTER + 3);
    forgetCpuid(this.system);
    super.clear();
  }
}

/** What CPUID answers may be different from now on. */
export function forgetCpuid(system: Int32Array): void {
  system.fill(0, S_CPUID, S_CPUID + CPUID_ROWS * CPUID_ROW);
}

/** Short ways of helpers (jit/region/event-functions.ts): 1 when all is done, 0 when nothing is. */
export interface EventFunctions {
  /** `back`: EIP to return to; `words` 1: `error` is pushed; `rf` goes into the image of EFLAGS. */
  enterGate(vector: number, back: number, software: number, words: number, error: number, rf: number): number;
  iret(): number;
}

export class Cpu {
  /** Set by engines that have them. */
  events: EventFunctions | undefined = undefined;
  readonly r: Int32Array;
  readonly r8: Uint8Array;
  readonly r16: Uint16Array;
  readonly segments: Segments;
  cr0 = 0;
  cr3 = 0;
  cr4 = 0;
  efer = 0;
  readonly dr = new Int32Array(8);
  readonly trace = new InstructionTrace();
  readonly system: Int32Array;
  /** IA32_SYSENTER_CS/ESP/EIP, PAT, MTRRs …: index → [low, high]. */
  readonly msr: Map<number, [number, number]>;
  msrLow = 0;
  msrHigh = 0;
  /** The CPUID model: leaf values and the MSR set, chosen by --cpu. */
  model: CpuModel;
  fpu!: Fpu;
  mmu!: Mmu;
  environment!: CpuEnvironment;
  /** Halted by HLT, waiting for an interrupt. */
  halted = false;
  /** Shutdown after a triple fault. */
  shutdown = false;
  /** Events delivered since power-on, for statistics and for comparing engines: exceptions by vector, and external interrupts. */
  readonly exceptionCounts = new Float64Array(32);
  interruptCount = 0;
  /** Why the EXIT pending bit is set; 0 none (ExitReason of exits.ts). */
  exitReason = 0;

  /** Without an area of a machine's memory the registers lie in a buffer of their own, and regions do without the host's ahead-of-time compiler. */
  constructor(model: CpuModel, area?: ProcessorArea) {
    const buffer = area?.buffer ?? new ArrayBuffer(R_COUNT * 4);
    const at = area?.registers ?? 0;
    this.r = new Int32Array(buffer, at, R_COUNT);
    this.r8 = new Uint8Array(buffer, at, R_COUNT * 4);
    this.r16 = new Uint16Array(buffer, at, R_COUNT * 2);
    this.system = area ? new Int32Array(buffer, area.system, S_COUNT) : new Int32Array(S_COUNT);
    this.segments = new Segments(this.system, area);
    this.msr = new StoredMsrs(this.system);
    this.gdtLimit = this.idtLimit = 0xffff;
    this.model = model;
  }

  get cr2(): number {
    return this.system[S_CR2]!;
  }
  set cr2(address: number) {
    this.system[S_CR2] = address;
  }
  get gdtBase(): number {
    return this.system[S_GDT_BASE]!;
  }
  set gdtBase(base: number) {
    this.system[S_GDT_BASE] = base;
  }
  get gdtLimit(): number {
    return this.system[S_GDT_LIMIT]!;
  }
  set gdtLimit(limit: number) {
    this.system[S_GDT_LIMIT] = limit;
  }
  get idtBase(): number {
    return this.system[S_IDT_BASE]!;
  }
  set idtBase(base: number) {
    this.system[S_IDT_BASE] = base;
  }
  get idtLimit(): number {
    return this.system[S_IDT_LIMIT]!;
  }
  set idtLimit(limit: number) {
    this.system[S_IDT_LIMIT] = limit;
  }
  get nmiBlocked(): boolean {
    return this.system[S_NMI_BLOCKED] !== 0;
  }
  set nmiBlocked(blocked: boolean) {
    this.system[S_NMI_BLOCKED] = blocked ? 1 : 0;
  }

  /** The maskable interrupt line from the PIC or APIC. */
  get interruptLine(): boolean {
    return (this.r[R_LINES]! & LINES.INTR) !== 0;
  }
  set interruptLine(level: boolean) {
    this.r[R_LINES] = level ? this.r[R_LINES]! | LINES.INTR : this.r[R_LINES]! & ~LINES.INTR;
  }
  get nmiPending(): boolean {
    return (this.r[R_LINES]! & LINES.NMI) !== 0;
  }
  set nmiPending(pending: boolean) {
    this.r[R_LINES] = pending ? this.r[R_LINES]! | LINES.NMI : this.r[R_LINES]! & ~LINES.NMI;
  }
}

/** CPUID leaves and capabilities of a processor model. */
export interface CpuModel {
  readonly name: string;
  /** EAX, EBX, ECX, EDX for a leaf and subleaf; int32 each. */
  cpuid(leaf: number, subleaf: number, cpu: Cpu): readonly [number, number, number, number];
}
