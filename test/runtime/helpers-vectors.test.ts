/** Runs the recorded silicon vectors of string, BCD, stack-frame and division forms straight through the helpers. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { GuestFault } from '../../src/runtime/fault.js';
import { getEflags, setEflags } from '../../src/runtime/flags.js';
import { HELPERS } from '../../src/runtime/helpers/index.js';
import { setCpl, setSegment } from '../../src/runtime/helpers/segments.js';
import { CR0, R_BUDGET, R_EIP, R_PENDING, type Cpu } from '../../src/runtime/state.js';
import { createBench, type Bench } from './helpers-support.js';

interface Vector {
  f: string;
  b: string;
  ip: string;
  r: string[];
  fl: string;
  m?: [string, string][];
  fm?: string;
  o: {
    ip?: string;
    r?: Record<string, string>;
    fl?: string;
    m?: [string, string][];
    t?: number;
    e?: string;
    cr2?: string;
  };
}

const FILE = (name: string) => new URL(`../vectors/i386/${name}.jsonl.gz`, import.meta.url);
const TABLES = 0x700000;

function load(name: string): Vector[] {
  const text = gunzipSync(readFileSync(FILE(name))).toString();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Vector);
}

/** The memory map of the vectors, identity-mapped user pages. */
function mapPages({ cpu, memory }: Bench): void {
  const entry = (address: number, value: number) =>
    memory.copyIn(address, new Uint8Array(new Int32Array([value]).buffer));
  entry(TABLES, (TABLES + 0x1000) | 7);
  entry(TABLES + 4, (TABLES + 0x2000) | 7);
  const map = (first: number, last: number, rights: number) => {
    for (let page = first; page < last; page += 0x1000)
      entry(TABLES + 0x1000 + (page >>> 12) * 4, page | rights);
  };
  map(0x8000, 0xc000, 7);
  map(0x200000, 0x203000, 7);
  map(0x203000, 0x204000, 5);
  map(0x300000, 0x304000, 7);
  entry(TABLES + 0x2000, 0x400005);
  cpu.cr3 = TABLES;
  cpu.cr0 = CR0.PE | CR0.PG | CR0.WP | CR0.AM;
  cpu.mmu.controlRegistersChanged();
}

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function createVectorBench(): Bench {
  const bench = createBench(8 << 20);
  mapPages(bench);
  for (let i = 0; i < 6; i++) setSegment(bench.cpu, i, 0x2b, i === 5 ? 0x201000 : 0, 0xffffffff, 0xc0f3);
  setSegment(bench.cpu, 1, 0x23, 0, 0xffffffff, 0xc0fb);
  setCpl(bench.cpu, 3);
  return bench;
}

interface Bits {
  prefixes: number[];
  opcode: number;
  rest: Uint8Array;
}
function split(hex: string): Bits {
  const bytes = bytesOf(hex);
  let at = 0;
  while ([0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].includes(bytes[at]!)) at++;
  return { prefixes: [...bytes.subarray(0, at)], opcode: bytes[at]!, rest: bytes.subarray(at + 1) };
}

const SEGMENT_PREFIX: Record<number, number> = { 0x26: 0, 0x2e: 1, 0x36: 2, 0x3e: 3, 0x64: 4, 0x65: 5 };

/** Calls the helper as semantics would; false for forms this test does not decode. */
function execute(cpu: Cpu, { prefixes, opcode, rest }: Bits): boolean {
  const size = prefixes.includes(0x66) ? 16 : 32;
  const address = prefixes.includes(0x67) ? 16 : 32;
  const rep = prefixes.includes(0xf3) ? 0xf3 : prefixes.includes(0xf2) ? 0xf2 : 0;
  const segment = prefixes.map((p) => SEGMENT_PREFIX[p]).find((s) => s !== undefined) ?? 3;
  const width = opcode & 1 ? size : 8;
  const repeated = (once: () => number) => {
    while (once() === 1);
  };
  switch (opcode) {
    case 0xa4:
    case 0xa5:
      repeated(() => HELPERS.movs(cpu, width, address, segment, rep));
      return true;
    case 0xa6:
    case 0xa7:
      repeated(() => HELPERS.cmps(cpu, width, address, segment, rep));
      return true;
    case 0xaa:
    case 0xab:
      repeated(() => HELPERS.stos(cpu, width, address, rep));
      return true;
    case 0xac:
    case 0xad:
      repeated(() => HELPERS.lods(cpu, width, address, segment, rep));
      return true;
    case 0xae:
    case 0xaf:
      repeated(() => HELPERS.scas(cpu, width, address, rep));
      return true;
    case 0x27:
      HELPERS.daa(cpu);
      return true;
    case 0x2f:
      HELPERS.das(cpu);
      return true;
    case 0x37:
      HELPERS.aaa(cpu);
      return true;
    case 0x3f:
      HELPERS.aas(cpu);
      return true;
    case 0xd4:
      HELPERS.aam(cpu, rest[0]!);
      return true;
    case 0xd5:
      HELPERS.aad(cpu, rest[0]!);
      return true;
    case 0x60:
      HELPERS.pusha(cpu, size);
      return true;
    case 0x61:
      HELPERS.popa(cpu, size);
      return true;
    case 0xc8:
      HELPERS.enter(cpu, rest[0]! | (rest[1]! << 8), rest[2]!, size);
      return true;
    default:
      return executeRegisterForm(cpu, opcode, rest, size);
  }
}

function readRegister(cpu: Cpu, width: number, index: number): number {
  if (width === 32) return cpu.r[index]!;
  return width === 16 ? cpu.r16[index * 2]! : cpu.r8[(index & 3) * 4 + (index >> 2)]!;
}
function executeRegisterForm(cpu: Cpu, opcode: number, rest: Uint8Array, size: number): boolean {
  const modrm = rest[0]!;
  if (modrm < 0xc0) return false;
  const width = opcode & 1 ? size : 8;
  const index = modrm & 7;
  const group = (modrm >> 3) & 7;
  if ((opcode & 0xfe) === 0xf6 && group >= 6) {
    const name = `${group === 6 ? 'div' : 'idiv'}${width as 8 | 16 | 32}` as const;
    HELPERS[name](cpu, readRegister(cpu, width, index));
    return true;
  }
  return false;
}

function state({ cpu, memory }: Bench, fault: GuestFault | null, touched: [string, string][]): unknown {
  return {
    registers: Array.from(cpu.r.subarray(0, 8), (v) => (v >>> 0).toString(16)),
    fault: fault && [
      fault.vector,
      fault.errorCode,
      fault.vector === 14 ? (fault.address >>> 0).toString(16) : '',
    ],
    memory: touched.map(([address, hex]) =>
      Buffer.from(memory.copyOut(parseInt(address, 16), hex.length / 2)).toString('hex'),
    ),
  };
}

/** Runs one vector; null if its form is not decoded here, otherwise what differs. */
function difference(bench: Bench, vector: Vector): string | null | undefined {
  const { cpu, memory } = bench;
  for (const [first, last] of [
    [0x8000, 0xc000],
    [0x200000, 0x204000],
    [0x300000, 0x304000],
  ] as const)
    memory.copyIn(first, new Uint8Array(last - first));
  for (const [address, hex] of vector.m ?? []) memory.copyIn(parseInt(address, 16), bytesOf(hex));
  vector.r.forEach((hex, i) => (cpu.r[i] = parseInt(hex, 16)));
  setEflags(cpu, parseInt(vector.fl, 16), -1);
  cpu.r[R_EIP] = parseInt(vector.ip, 16);
  cpu.r[R_BUDGET] = 1000000;
  cpu.r[R_PENDING] = 0;
  const expected = expectation(bench, vector);
  let fault: GuestFault | null = null;
  try {
    if (!execute(cpu, split(vector.b))) return undefined;
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    fault = error;
  }
  const got = { ...(state(bench, fault, expected.touched) as object), flags: getEflags(cpu) & expected.mask };
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected.state)];
  return a === b ? null : `${vector.f} ${vector.b} expected ${b} got ${a}`;
}

function expectation(
  bench: Bench,
  vector: Vector,
): { state: unknown; touched: [string, string][]; mask: number } {
  const { o } = vector;
  const image = new Map<string, string>([...(vector.m ?? []), ...(o.m ?? [])]);
  const touched = [...image] as [string, string][];
  const before = touched.map(([address, hex]) => bench.memory.copyOut(parseInt(address, 16), hex.length / 2));
  for (const [address, hex] of o.m ?? []) bench.memory.copyIn(parseInt(address, 16), bytesOf(hex));
  const memory = touched.map(([address, hex]) =>
    Buffer.from(bench.memory.copyOut(parseInt(address, 16), hex.length / 2)).toString('hex'),
  );
  for (const [address, hex] of o.m ?? [])
    bench.memory.copyIn(parseInt(address, 16), new Uint8Array(hex.length / 2));
  touched.forEach(([address], i) => bench.memory.copyIn(parseInt(address, 16), before[i]!));
  const mask = ~parseInt(vector.fm ?? '0', 16) & 0xffff;
  const registers = vector.r.map((hex, i) => o.r?.[String(i)] ?? hex);
  const fault = o.t === undefined ? null : [o.t, parseInt(o.e ?? '0', 16), o.cr2 ?? ''];
  return {
    state: { registers, fault, memory, flags: parseInt(o.fl ?? vector.fl, 16) & mask },
    touched,
    mask,
  };
}

function runAll(name: string, forms: RegExp): { ran: number; failures: string[] } {
  const bench = createVectorBench();
  const failures: string[] = [];
  let ran = 0;
  for (const vector of load(name)) {
    if (!forms.test(vector.f)) continue;
    const result = difference(bench, vector);
    if (result === undefined) continue;
    ran++;
    if (result !== null) failures.push(result);
  }
  return { ran, failures };
}

describe('silicon vectors through helpers', () => {
  it('are present', () => expect(existsSync(FILE('int'))).toBe(true));

  it('string instructions', () => {
    const { ran, failures } = runAll('string', /./);
    expect(failures.slice(0, 5)).toEqual([]);
    expect(ran).toBe(780);
  });

  it('BCD, PUSHA, POPA and ENTER', () => {
    const { ran, failures } = runAll('int', /^(Daa|Das|Aaa|Aas|Aam|Aad|Pusha|Popa|Enter)/);
    expect(failures.slice(0, 5)).toEqual([]);
    expect(ran).toBe(240);
  });

  it('division on registers', () => {
    const { ran, failures } = runAll('int', /^(Div|Idiv)_.*:r$/);
    expect(failures.slice(0, 5)).toEqual([]);
    expect(ran).toBe(120);
  });
});
