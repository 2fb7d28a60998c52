/** Boot sectors made here that call BIOS services and keep what came back; and machines that boot them from a floppy, disk or CD. */
import { load } from '../fuzz/native.mjs';

const { Machine, SerialLine } = await load<typeof import('../../src/machine.js')>('machine.js');
const { Unplugged } = await load<typeof import('../../src/devices/network-backend.js')>(
  'devices/network-backend.js',
);
const { createEngine } = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');

export type Guest = InstanceType<typeof Machine>;
export type EngineName = 'evaluator' | 'interpreter' | 'jit';

const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esi', 'edi', 'ebp'] as const;
type Register = (typeof REGISTERS)[number];
const NUMBER: Readonly<Record<Register, number>> = { eax: 0, ecx: 1, edx: 2, ebx: 3, ebp: 5, esi: 6, edi: 7 };
export type Registers = Partial<Record<Register | 'es', number>>;
export interface Result extends Record<Register, number> {
  readonly es: number;
  readonly carry: boolean;
  readonly zero: boolean;
}

/** Results lie here, 64 bytes for each call. */
const RESULTS = 0x6000,
  RESULT_BYTES = 64;
const ES_AT = 28,
  FLAGS_AT = 32;
const LOAD = 0x7c00;

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff);

/** MOV into 32-bit registers from 16-bit code. */
function loads(registers: Registers): number[] {
  const es = registers.es === undefined ? [] : [0xb8, ...le(registers.es, 2), 0x8e, 0xc0];
  const rest = REGISTERS.flatMap((name) =>
    registers[name] === undefined ? [] : [0x66, 0xb8 + NUMBER[name], ...le(registers[name], 4)],
  );
  return [...es, ...rest];
}

/** PUSHF, then all registers and flags to the place of result `index`; ES is 0 afterwards. */
function keep(index: number): number[] {
  const at = RESULTS + index * RESULT_BYTES;
  return [
    0x9c,
    ...REGISTERS.flatMap((name, i) => [0x66, 0x89, (NUMBER[name] << 3) | 6, ...le(at + 4 * i, 2)]),
    ...[0x8c, 0x06, ...le(at + ES_AT, 2), 0x58, 0xa3, ...le(at + FLAGS_AT, 2)],
    ...[0x31, 0xc0, 0x8e, 0xc0],
  ];
}

function sectorOf(code: readonly number[]): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set(code);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

export class Program {
  readonly code: number[] = [];
  private calls = 0;

  call(interrupt: number, registers: Registers = {}): this {
    this.code.push(...loads(registers), 0xcd, interrupt, ...keep(this.calls++));
    return this;
  }
  bytes(...bytes: number[]): this {
    this.code.push(...bytes);
    return this;
  }
  /** Stores a byte, DS:address. */
  poke(address: number, ...values: number[]): this {
    values.forEach((value, i) => this.code.push(0xc6, 0x06, ...le(address + i, 2), value));
    return this;
  }

  /** A boot sector and, when the code is longer, more that it reads behind itself. */
  image(): Uint8Array {
    const end = [0xe6, 0xf4];
    if (this.code.length < 400) return sectorOf([...this.code, ...end]);
    // Three sectors more, read behind this one, and on there.
    const loader = [0xb8, 0x03, 0x02, 0xbb, 0x00, 0x7e, 0xb9, 0x02, 0x00, 0xcd, 0x13, 0xe9];
    const whole = new Uint8Array(4 * 512);
    whole.set(sectorOf([...loader, ...le(512 - loader.length - 2, 2)]));
    whole.set([...this.code, ...end], 512);
    return whole;
  }
}

export interface Image {
  readonly size: number;
  readonly readOnly: boolean;
  readonly bytes: Uint8Array;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  flush(): void;
}
export function image(size: number, start: Uint8Array = new Uint8Array(0), readOnly = false): Image {
  const bytes = new Uint8Array(size);
  bytes.set(start);
  return {
    ...{ size, readOnly, bytes },
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (offset, data) => bytes.set(data, offset),
    flush: () => undefined,
  };
}
export const FLOPPY_BYTES = 1474560;

export interface Setup {
  readonly floppy?: Image;
  readonly disk?: Image;
  readonly cdrom?: Image;
  readonly order?: string;
  readonly memoryBytes?: number;
  readonly engine?: EngineName;
  /** Expansion ROM of a network card. */
  readonly rom?: Uint8Array;
}

const STATION = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

export function computer(setup: Setup): { machine: Guest; serial: () => string } {
  let text = '';
  const ide = [];
  if (setup.disk) ide[0] = { kind: 'disk' as const, image: setup.disk };
  if (setup.cdrom) ide[2] = { kind: 'cdrom' as const, image: setup.cdrom };
  const machine = new Machine({
    memoryBytes: setup.memoryBytes ?? 32 << 20,
    clock: 'virtual',
    serial: new SerialLine((byte) => (text += String.fromCharCode(byte))),
    debugExit: true,
    bootOrder: setup.order,
    network: setup.rom && { backend: new Unplugged(), station: STATION, rom: setup.rom },
    media: { ide, floppies: setup.floppy ? [setup.floppy] : [] },
    createEngine: createEngine(setup.engine ?? 'interpreter', { train: false }),
  });
  return { machine, serial: () => text };
}

/** Runs until port F4 is written. Throws an Error when that does not happen in time. */
export function runToEnd(machine: Guest, instructions = 20_000_000): void {
  const end = machine.instructionsRetired + instructions;
  let { ended } = machine.runSlice(instructions);
  // Setting a mode ends a slice.
  while (ended === undefined && machine.instructionsRetired < end)
    ({ ended } = machine.runSlice(end - machine.instructionsRetired));
  if (ended?.kind !== 'debug-exit') throw new Error(`the guest did not end: ${JSON.stringify(ended)}`);
}

export function result(machine: Guest, index: number): Result {
  const at = RESULTS + index * RESULT_BYTES;
  const view = new DataView(machine.memory.copyOut(at, RESULT_BYTES).buffer);
  const flags = view.getUint16(FLAGS_AT, true);
  const values = REGISTERS.map((name, i) => [name, view.getUint32(4 * i, true)]);
  return {
    ...(Object.fromEntries(values) as Record<Register, number>),
    es: view.getUint16(ES_AT, true),
    carry: (flags & 1) !== 0,
    zero: (flags & 0x40) !== 0,
  };
}

/** Boots the program from a floppy. */
export function runProgram(program: Program, setup: Setup = {}): Guest {
  const floppy = setup.floppy ?? image(FLOPPY_BYTES);
  floppy.bytes.set(program.image());
  const { machine } = computer({ ...setup, floppy, order: 'a' });
  runToEnd(machine);
  return machine;
}

/** Rows of the text screen in memory at B8000. */
export function screen(machine: Guest, columns = 80, rows = 25): string[] {
  const read = (at: number): number => machine.memory.bus.read(0xb8000 + at, 1) & 0xff;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) =>
      String.fromCharCode(read(2 * (row * columns + column))),
    ).join(''),
  );
}
export { LOAD };
