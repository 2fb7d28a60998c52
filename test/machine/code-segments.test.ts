/** Hot code at the same offset of two code segments that call each other, as programs and the BIOS do in real mode: each runs its own. */
import { expect, it } from 'vitest';
import { R_EIP, R_SEGMENT_BASE } from '../../src/runtime/state.js';
import { build, run } from './saved-machines.js';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const ROUNDS = 3000;
/** 1000:0100: 50 times INC WORD [0]; JMP 2000:0100. */
const FIRST = bytesOf('b9 3200  ff06 0000  e2fa  ea 0001 0020');
/** 2000:0100: 50 times INC WORD [2]; until [4] is 0 back to the first; CLI; HLT. */
const SECOND = bytesOf('b9 3200  ff06 0200  e2fa  ff0e 0400  7405  ea 0001 0010  fa f4');

it.each(['interpreter', 'jit'] as const)('%s', { timeout: 120_000 }, (engine) => {
  const { machine } = build(engine);
  const { cpu, memory } = machine;
  memory.copyIn(0x10100, FIRST);
  memory.copyIn(0x20100, SECOND);
  memory.write16(0x30004, ROUNDS);
  // CLI; MOV AX,3000; MOV DS,AX; JMP 1000:0100.
  memory.copyIn(0x1000, bytesOf('fa b8 0030 8ed8 ea 0001 0010'));
  cpu.segments.base[1] = cpu.r[R_SEGMENT_BASE + 1] = 0;
  cpu.segments.selector[1] = 0;
  cpu.r[R_EIP] = 0x1000;
  run(machine, ROUNDS * 210);
  expect([0, 2, 4].map((at) => memory.read16(0x30000 + at))).toEqual([
    (ROUNDS * 50) & 0xffff,
    (ROUNDS * 50) & 0xffff,
    0,
  ]);
});
