/** Runs instruction vectors recorded on silicon in one engine and compares every visible result outside the masks. */
import { getEflags, setStatusFlags } from '../runtime/flags.js';
import { EFLAGS, PENDING, R_BUDGET, R_EFLAGS, R_EIP, R_PENDING, STATUS_FLAGS } from '../runtime/state.js';
import { HAS_ERROR_CODE } from '../runtime/fault.js';
import { decode } from '../decoder/decode.js';
import { SEGMENTED_16 } from './interpreter/samples.js';
import { semanticOf } from './semantics/index.js';
import { createEngine, type EngineName } from './engines.js';
import type { JitEngine } from './engine.js';
import { HANDLERS, KERNEL_STACK, VectorMachine } from './vector-machine.js';

interface FpuImage {
  readonly cw?: string;
  readonly sw?: string;
  readonly tw?: string;
  readonly st?: readonly string[] | Readonly<Record<string, string>>;
}
/** A line of a vector file; see docs/testing.md for the fields. */
export interface VectorCase {
  readonly f: string;
  readonly b: string;
  readonly ip: string;
  readonly r: readonly string[];
  readonly fl: string;
  readonly m?: readonly (readonly [string, string])[];
  readonly fp?: FpuImage;
  readonly mx?: string;
  readonly x?: Readonly<Record<string, string>>;
  readonly fm?: string;
  readonly cm?: string;
  readonly ig?: readonly (readonly [string, number])[];
  readonly o: {
    readonly ip?: string;
    readonly r?: Readonly<Record<string, string>>;
    readonly fl?: string;
    readonly m?: readonly (readonly [string, string])[];
    readonly fp?: FpuImage;
    readonly mx?: string;
    readonly x?: Readonly<Record<string, string>>;
    readonly t?: number;
    readonly e?: string;
    readonly cr2?: string;
  };
}
export interface VectorOutcome {
  readonly passed: boolean;
  readonly form: string;
  readonly bytes: string;
  /** One line a difference: what, expected, got. */
  readonly problems: readonly string[];
  /** The instruction ran inside a translated region. */
  readonly translated: boolean;
}

const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
/** The low 32 bits: the recording shows stray high halves of RSP in 16-bit code. */
const hex = (text: string): number => Number.parseInt(text.slice(-8), 16) | 0;
const show = (value: number): string => (value >>> 0).toString(16);
const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
const CONDITION_BITS = 0x4700;
/** REP instructions of the vectors iterate at most this often. */
const MOST_ITERATIONS = 0x20000;
/** Tolerances, in units of the last place of the result's format, of the approximating instructions; see docs/testing.md. */
/** C1 tells whether the last digit was rounded up, which an approximation need not share. */
const ROUNDED_UP = 0x200;
const TRANSCENDENTAL = /^(F2xm1|Fyl2x|Fyl2xp1|Fptan|Fpatan|Fsin|Fcos|Fsincos):/;
const RECIPROCAL = /^(Rcp|Rsqrt)/;

interface Delivered {
  readonly vector: number;
  readonly errorCode: number;
  readonly eip: number;
  readonly eflags: number;
  readonly esp: number;
}

export class VectorRunner {
  private readonly machine: VectorMachine;
  private readonly engine: JitEngine;
  private readonly name: EngineName;
  private expected!: Uint8Array;

  constructor(engine: EngineName, bits: 16 | 32 | 64) {
    if (bits === 64) throw new Error('64-bit vectors need long mode, which is not implemented');
    this.name = engine;
    this.machine = new VectorMachine(bits);
    this.engine = createEngine(engine, { regionLimit: 1, completeAccesses: true, train: false })(
      this.machine.cpu,
      this.machine.memory,
    );
    this.expected = new Uint8Array(this.machine.memory.u8.length);
  }

  run(value: unknown): VectorOutcome {
    const vector = value as VectorCase;
    this.prepare(vector);
    const translated = this.execute(vector);
    const problems = this.compare(vector);
    if (this.name === 'jit' && !translated && vector.o.t === undefined && !this.isHelper(vector)) {
      problems.push('translated: expected yes, got no');
    }
    this.restore(vector);
    return { passed: problems.length === 0, form: vector.f, bytes: vector.b, problems, translated };
  }

  /** Whether the instruction is a named helper, which the interpreter may run for the JIT. */
  private isHelper(v: VectorCase): boolean {
    const bytes = bytesOf(v.b);
    const instruction = decode(bytes, 0, bytes.length, this.machine.bits);
    return typeof instruction === 'object' && semanticOf(instruction, SEGMENTED_16).hasHelper;
  }

  // ---- state in -------------------------------------------------------------------------------------------------------
  private prepare(v: VectorCase): void {
    const { cpu, memory, bits } = this.machine;
    this.machine.enterUser();
    v.r.forEach((text, i) => (cpu.r[i] = hex(text)));
    const flags = hex(v.fl);
    cpu.r[R_EFLAGS] = (flags & ~STATUS_FLAGS) | 2;
    setStatusFlags(cpu, flags);
    cpu.r[R_EIP] = hex(v.ip);
    cpu.cr2 = 0;
    this.loadFpu(v);
    for (const range of this.machine.ranges) {
      const code = bits === 32 ? range.first === 0x400000 : false;
      memory.u8.fill(code ? 0xcc : 0, this.machineAt(range.first), this.machineAt(range.last) + 1);
    }
    if (bits === 16) memory.u8.fill(0xcc, this.machineAt(0x20000), this.machineAt(0x2ffff) + 1);
    this.poke(this.codeAddress(v), bytesOf(v.b));
    for (const [address, text] of v.m ?? []) this.poke(hex(address), bytesOf(text));
  }
  private codeAddress(v: VectorCase): number {
    return hex(v.ip) + (this.machine.bits === 16 ? 0x20000 : 0);
  }
  private machineAt(address: number): number {
    return this.machine.memory.machineAddress(address);
  }
  /** Host writes go through the tracked path, so that no translation of the last case survives. */
  private poke(address: number, bytes: Uint8Array): void {
    this.machine.memory.copyIn(address, bytes);
  }
  private loadFpu(v: VectorCase): void {
    const { fpu } = this.machine.cpu;
    fpu.reset();
    fpu.mxcsr = v.mx === undefined ? 0x1f80 : hex(v.mx);
    for (let i = 0; i < 8; i++) fpu.xmmU8.fill(0xa0 + i, i * 16, i * 16 + 16);
    for (const [index, text] of Object.entries(v.x ?? {})) {
      fpu.xmmU8.set(bytesOf(text.padStart(32, '0')).reverse().subarray(0, 16), Number(index) * 16);
    }
    if (v.fp === undefined) return;
    if (v.fp.cw !== undefined) fpu.setControlWord(hex(v.fp.cw));
    fpu.setStatusWord(v.fp.sw === undefined ? 0 : hex(v.fp.sw));
    fpu.valid = v.fp.tw === undefined ? 0 : hex(v.fp.tw);
    Object.entries(v.fp.st ?? {}).forEach(([i, text]) => this.setStackRegister(Number(i), text));
  }
  private setStackRegister(i: number, text: string): void {
    const { fpu } = this.machine.cpu;
    const physical = (fpu.top + i) & 7;
    const digits = text.padStart(20, '0');
    fpu.exponent[physical] = hex(digits.slice(0, 4));
    fpu.significand[2 * physical + 1] = hex(digits.slice(4, 12));
    fpu.significand[2 * physical] = hex(digits.slice(12));
  }

  // ---- execution ---------------------------------------------------------------------------------------------------------
  private execute(v: VectorCase): boolean {
    const { engine } = this;
    const { r } = this.machine.cpu;
    const start = r[R_EIP]!;
    engine.synchronize();
    const before = engine.translatedInstructions;
    if (this.name === 'jit') {
      this.fetchAll(v);
      engine.translate();
    }
    const repeats = /[+]rep/.test(v.f);
    for (let i = 0; i < MOST_ITERATIONS; i++) {
      r[R_BUDGET] = 1;
      r[R_PENDING]! &= ~(PENDING.SHADOW | PENDING.EXIT);
      engine.run();
      if (!repeats || r[R_EIP] !== start) break;
    }
    return engine.translatedInstructions > before;
  }

  /** Fetches from each page that the instruction lies on, as its execution will: a region is entered only on pages that were fetched from. */
  private fetchAll(v: VectorCase): void {
    const { mmu } = this.machine.cpu;
    const first = this.codeAddress(v);
    for (const address of [first, first + v.b.length / 2 - 1])
      if (mmu.probeFetch(address) >= 0) mmu.fetch(address);
  }

  // ---- state out -------------------------------------------------------------------------------------------------------------
  private delivered(): Delivered | undefined {
    const { cpu, memory } = this.machine;
    const vector = cpu.r[R_EIP]! - HANDLERS;
    if (vector < 0 || vector > 255) return undefined;
    const withCode = HAS_ERROR_CODE.has(vector);
    const frame = KERNEL_STACK - 20;
    return {
      vector,
      errorCode: withCode ? memory.read32(frame - 4) : 0,
      eip: memory.read32(frame),
      eflags: memory.read32(frame + 8),
      esp: memory.read32(frame + 12),
    };
  }

  private compare(v: VectorCase): string[] {
    const problems: string[] = [];
    const differ = (what: string, expected: string, got: string): void => {
      if (expected !== got) problems.push(`${what}: expected ${expected}, got ${got}`);
    };
    const { cpu } = this.machine;
    const trap = this.delivered();
    differ('fault', String(v.o.t ?? 'none'), String(trap?.vector ?? 'none'));
    if (trap && v.o.t === trap.vector) {
      if (HAS_ERROR_CODE.has(trap.vector))
        differ('error code', show(hex(v.o.e ?? '0')), show(trap.errorCode));
      if (v.o.cr2 !== undefined) differ('cr2', show(hex(v.o.cr2)), show(cpu.cr2));
    }
    const mask = ~(v.fm === undefined ? 0 : hex(v.fm)) & ~EFLAGS.RF & ~2;
    const eflags = trap ? trap.eflags : getEflags(cpu);
    differ('eflags', show(hex(v.o.fl ?? v.fl) & mask), show(eflags & mask));
    differ('eip', show(hex(v.o.ip ?? v.ip)), show(trap ? trap.eip : cpu.r[R_EIP]!));
    for (let i = 0; i < 8; i++) {
      const got = trap && i === 4 ? trap.esp : cpu.r[i]!;
      differ(REGISTERS[i]!, show(hex(v.o.r?.[i] ?? v.r[i]!)), show(got));
    }
    this.compareMemory(v, problems);
    this.compareFpu(v, differ);
    return problems;
  }

  private compareMemory(v: VectorCase, problems: string[]): void {
    const { memory, ranges, bits } = this.machine;
    const { expected } = this;
    const at = (address: number): number => this.machineAt(address);
    for (const range of ranges)
      expected.fill(bits === 32 && range.first === 0x400000 ? 0xcc : 0, at(range.first), at(range.last) + 1);
    if (bits === 16) expected.fill(0xcc, at(0x20000), at(0x2ffff) + 1);
    const put = (address: number, bytes: Uint8Array): void =>
      bytes.forEach((byte, i) => (expected[at(address + i)] = byte));
    put(this.codeAddress(v), bytesOf(v.b));
    for (const [address, text] of v.m ?? []) put(hex(address), bytesOf(text));
    for (const [address, text] of v.o.m ?? []) put(hex(address), bytesOf(text));
    for (const [address, length] of v.ig ?? []) {
      for (let i = 0; i < length; i++) expected[at(hex(address) + i)] = memory.u8[at(hex(address) + i)]!;
    }
    for (const range of ranges) {
      const first = at(range.first);
      const got = memory.u8.subarray(first, first + range.last - range.first + 1);
      const want = expected.subarray(first, first + range.last - range.first + 1);
      if (equalBytes(got, want)) continue;
      const i = got.findIndex((byte, k) => byte !== want[k]);
      problems.push(`memory ${show(range.first + i)}: expected ${show(want[i]!)}, got ${show(got[i]!)}`);
    }
  }

  private compareFpu(v: VectorCase, differ: (what: string, expected: string, got: string) => void): void {
    const { fpu } = this.machine.cpu;
    const before = v.fp ?? {};
    const after = v.o.fp ?? {};
    const pick = (key: 'cw' | 'sw' | 'tw', initial: number): number =>
      hex(after[key] ?? before[key] ?? show(initial));
    const approximate = TRANSCENDENTAL.test(v.f) ? ROUNDED_UP : 0;
    const mask = ~(v.cm === undefined ? 0 : hex(v.cm) & CONDITION_BITS) & ~approximate;
    differ('fpu control', show(pick('cw', 0x37f)), show(fpu.control));
    differ('fpu status', show(pick('sw', 0) & mask), show(fpu.statusWord() & mask));
    differ('fpu tags', show(pick('tw', 0)), show(fpu.valid));
    this.compareStack(v, differ);
    differ('mxcsr', show(hex(v.o.mx ?? v.mx ?? '1f80')), show(fpu.mxcsr));
    for (let i = 0; i < 8; i++) {
      const text = v.o.x?.[i] ?? v.x?.[i];
      const want = text === undefined ? (0xa0 + i).toString(16).repeat(16) : text.padStart(32, '0');
      const got = hexOf(fpu.xmmU8.subarray(i * 16, i * 16 + 16));
      if (want !== got && !(RECIPROCAL.test(v.f) && closeSingles(want, got))) differ(`xmm${i}`, want, got);
    }
  }
  private compareStack(v: VectorCase, differ: (what: string, expected: string, got: string) => void): void {
    const { fpu } = this.machine.cpu;
    const changed = v.o.fp?.st as Readonly<Record<string, string>> | undefined;
    for (let i = 0; i < 8; i++) {
      const physical = (fpu.top + i) & 7;
      const before = (v.fp?.st as Readonly<Record<string, string>> | undefined)?.[i];
      const want = (changed?.[i] ?? before ?? '0').padStart(20, '0');
      const got =
        fpu.exponent[physical]!.toString(16).padStart(4, '0') +
        show(fpu.significand[2 * physical + 1]!).padStart(8, '0') +
        show(fpu.significand[2 * physical]!).padStart(8, '0');
      if (want !== got && !(i < 2 && TRANSCENDENTAL.test(v.f) && closeExtended(want, got)))
        differ(`st${i}`, want, got);
    }
  }

  /** Leaves no code behind: the next case must not meet this one's translation. */
  private restore(v: VectorCase): void {
    this.poke(this.codeAddress(v), new Uint8Array(v.b.length / 2).fill(0xcc));
    this.machine.cpu.r[R_PENDING] = PENDING.MODE;
  }
}

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
/** Most significant byte first. */
function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text = byte.toString(16).padStart(2, '0') + text;
  return text;
}

/** Results one unit in the last place apart, also across a power of two: both sides approximate (SDM vol. 1, 8.3.10). */
function closeExtended(want: string, got: string): boolean {
  const difference = place(want) - place(got);
  return difference <= 1n && difference >= -1n;
}
/** Ordinal of an 80-bit number among those of its sign; the integer bit follows from the exponent. */
function place(digits: string): bigint {
  const bits = BigInt(`0x${digits}`);
  return ((bits >> 64n) << 63n) | (bits & 0x7fffffffffffffffn);
}
/** RCP and RSQRT: relative error 1.5 × 2^-12 against the true value on both sides (SDM vol. 2, RCPPS). */
function closeSingles(want: string, got: string): boolean {
  for (let lane = 0; lane < 4; lane++) {
    const [a, b] = [want, got].map((text) => single(text.slice(lane * 8, lane * 8 + 8)));
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a! - b!) <= 3 * 2 ** -12 * Math.abs(a!))) return false;
  }
  return true;
}
const single = (digits: string): number =>
  new Float32Array(Uint32Array.of(Number.parseInt(digits, 16)).buffer)[0]!;
