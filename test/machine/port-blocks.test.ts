/** REP INS and OUTS are one request each, and leave the machine as single accesses do, wherever slices end. */
import { describe, expect, it } from 'vitest';
import { R_EIP } from '../../src/runtime/state.js';
import { build, run, save } from './saved-machines.js';
import type { Machine } from './saved-machines.js';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
/**
 * At 1000, real mode, ES = DS = 0: READ SECTORS of two sectors from block 0, polling; REP INSW of a sector each to 3000 and 3200; REP OUTSB of 40 bytes from
 * 3000 to COM1 and then port E9; REP INSB of 9 bytes from 40 to 3400; jmp $.
 */
const PROGRAM = bytesOf(`
  fa fc 31c0 8ec0 8ed8 baf601 b0e0 ee baf201 b002 ee 42 b000 ee 42 ee 42 ee baf701 b020 ee
  bf0030 bb0200
  baf701 ec a888 74fb a880 75f7
  b90001 baf001 f36d 4b 75e9
  be0030 b92800 baf803 f36e be0030 b92800 bae900 f36e bf0034 b90900 ba4000 f36c ebfe`);

function enter({ cpu, memory }: Machine): void {
  memory.copyIn(0x1000, PROGRAM);
  cpu.segments.base[1] = cpu.r[10] = 0;
  cpu.segments.selector[1] = 0;
  cpu.r[R_EIP] = 0x1000;
  cpu.r[4] = 0x7000;
}

const DISK = Uint8Array.from({ length: 8192 }, (_, i) => i * 7 + (i >> 8));
const image = {
  size: DISK.length,
  readOnly: true,
  read: (at: number, into: Uint8Array): void => into.set(DISK.subarray(at, at + into.length)),
  write: (): void => undefined,
  flush: (): void => undefined,
};

interface Ran {
  readonly state: Uint8Array;
  readonly console: number[];
  readonly serial: number[];
  /** Elements of each block request, by port. */
  readonly blocks: (readonly [number, number])[];
  readonly memory: Uint8Array;
}

function ran(slice: number, blocked: boolean, scatter?: number): Ran {
  const console: number[] = [];
  const blocks: (readonly [number, number])[] = [];
  const { machine, serial } = build('interpreter', {
    media: { ide: [{ kind: 'disk', image }] },
    debugConsole: (byte) => console.push(byte),
    ...(scatter === undefined ? {} : { scatter }),
  });
  const { environment } = machine.cpu;
  const both = ['readPorts', 'writePorts'] as const;
  for (const name of both) {
    const move = environment[name]!.bind(environment);
    environment[name] = (port, size, at, count) => {
      const moved = blocked ? move(port, size, at, count) : 0;
      if (moved > 0) blocks.push([port, moved]);
      return moved;
    };
  }
  enter(machine);
  const end = machine.instructionsRetired + 60_000;
  while (machine.instructionsRetired < end) run(machine, Math.min(slice, end - machine.instructionsRetired));
  return { state: save(machine), console, serial, blocks, memory: machine.memory.copyOut(0x3000, 0x409) };
}

describe('string I/O', () => {
  const whole = ran(60_000, true);
  it('is one request for each instruction and page', () => {
    expect(whole.memory.slice(0, 1024)).toEqual(DISK.slice(0, 1024));
    expect(whole.console).toEqual([...DISK.slice(0, 40)]);
    expect(whole.blocks.filter(([port]) => port === 0x1f0)).toEqual([
      // The first element goes alone: it takes the page into the TLB.
      [0x1f0, 255],
      [0x1f0, 256],
    ]);
    expect(whole.blocks.filter(([port]) => port === 0xe9)).toEqual([[0xe9, 40]]);
    expect(whole.blocks.filter(([port]) => port === 0x40)).toEqual([[0x40, 9]]);
  });
  it.each([
    ['one by one', 60_000, false],
    ['in slices of 97', 97, true],
    ['in slices of 97, one by one', 97, false],
    ['in slices of 3', 3, true],
  ] as const)('leaves the same %s', (_name, slice, blocked) => {
    const other = ran(slice, blocked);
    expect([other.console, other.serial]).toEqual([whole.console, whole.serial]);
    expect(Buffer.compare(other.memory, whole.memory)).toBe(0);
    expect(Buffer.compare(other.state, whole.state)).toBe(0);
  });
});
