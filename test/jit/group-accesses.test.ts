import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { decode } from '../../src/decoder/decode.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import type { ModeView } from '../../src/jit/builder.js';
import {
  groupAccesses,
  type AccessGroup,
  type BlockTree,
  type Member,
} from '../../src/jit/passes/group-accesses.js';
import type { Statement } from '../../src/jit/ir.js';
import { ECX, ESP, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';
import { semanticOf } from '../../src/jit/semantics/index.js';

const FLAT: ModeView = { codeSize: 32, stackSize: 32, flat: () => true, fpu: true, sse: true };

/** Instructions of a block from their bytes; the machine address is the number of the instruction. */
function block(code: readonly number[], children: readonly BlockTree[] = [], calls: readonly number[] = []) {
  const bytes = Uint8Array.from([...code, ...new Array<number>(15).fill(0x90)]);
  const instructions: BlockTree['instructions'][number][] = [];
  for (let at = 0; at < code.length;) {
    const instruction = decode(bytes, at, bytes.length, 32) as Instruction;
    const machine = instructions.length;
    instructions.push({ semantic: semanticOf(instruction, FLAT), machine, calls: calls.includes(machine) });
    at += instruction.length;
  }
  return { instructions, children };
}
function groups(tree: BlockTree, alone: readonly number[] = []): AccessGroup[] {
  let id = 0;
  const members = new Map<Statement, Member>();
  groupAccesses(
    tree,
    (machine) => alone.includes(machine),
    () => id++,
    members,
  );
  return [...new Set([...members.values()].map((member) => member.group))];
}
const summary = (g: AccessGroup) => ({
  low: g.low,
  high: g.high,
  width: g.width,
  write: g.write,
  size: g.size,
});

const PUSH_EAX = [0x50],
  PUSH_EBX = [0x53],
  POP_ECX = [0x59],
  LOAD_ECX_ESP8 = [0x8b, 0x4c, 0x24, 0x08],
  LOAD_EAX_EBX = [0x8b, 0x03],
  LOAD_ECX_EBX4 = [0x8b, 0x4b, 0x04],
  LOAD_DL_EBX5 = [0x8a, 0x53, 0x05],
  LOAD_EDX_EBX5 = [0x8b, 0x53, 0x05],
  STORE_EBX8_EAX = [0x89, 0x43, 0x08],
  LOAD_EBX_EBX = [0x8b, 0x1b],
  LOAD_EDX_EBX_200 = [0x8b, 0x93, 0xc8, 0, 0, 0],
  ADD_EBX_4 = [0x83, 0xc3, 0x04],
  CPUID = [0x0f, 0xa2];

describe('grouping of accesses', () => {
  it('follows the stack pointer through pushes, pops and locals', () => {
    const found = groups(block([...PUSH_EAX, ...PUSH_EBX, ...LOAD_ECX_ESP8, ...POP_ECX]));
    expect(found.map(summary)).toEqual([{ low: -8, high: 4, width: 4, write: true, size: 4 }]);
  });

  it('takes those of vector instructions, which write nothing else, together with others', () => {
    // movaps xmm0,[ebx+16]; movsd xmm1,[ebx+8]; movd ebx,xmm0; mov eax,[ebx]
    const vectors = [0x0f, 0x28, 0x43, 0x10, 0xf2, 0x0f, 0x10, 0x4b, 0x08];
    const found = groups(block([...LOAD_EAX_EBX, ...vectors, 0x66, 0x0f, 0x7e, 0xc3, ...LOAD_EAX_EBX]));
    expect(found.map(summary)).toEqual([{ low: 0, high: 32, width: 16, write: false, size: 3 }]);
    // fld qword [ebx+8] may become a call.
    expect(groups(block([...LOAD_EAX_EBX, 0xdd, 0x43, 0x08, ...LOAD_ECX_EBX4]))).toEqual([]);
  });

  it('needs two accesses', () => {
    expect(groups(block(LOAD_EAX_EBX))).toEqual([]);
  });

  it('takes bytes anywhere, and wider ones where all are aligned together', () => {
    const found = groups(block([...LOAD_EAX_EBX, ...LOAD_DL_EBX5, ...LOAD_EDX_EBX5, ...LOAD_ECX_EBX4]));
    expect(found.map(summary)).toEqual([
      { low: 0, high: 6, width: 4, write: false, size: 2 },
      // The misaligned one opened a group of its own, which the last one does not fit either.
    ]);
  });

  it('follows a register that moves by a constant, not one that is loaded', () => {
    expect(groups(block([...LOAD_EAX_EBX, ...ADD_EBX_4, ...LOAD_EAX_EBX])).map(summary)).toEqual([
      { low: 0, high: 8, width: 4, write: false, size: 2 },
    ]);
    expect(groups(block([...LOAD_EBX_EBX, ...LOAD_ECX_EBX4]))).toEqual([]);
  });

  it('spans little', () => {
    expect(groups(block([...LOAD_EAX_EBX, ...LOAD_EDX_EBX_200]))).toEqual([]);
  });

  it('ends where something may change a translation', () => {
    expect(groups(block([...LOAD_EAX_EBX, ...CPUID, ...LOAD_ECX_EBX4]))).toEqual([]);
    expect(groups(block([...LOAD_EAX_EBX, ...LOAD_DL_EBX5, ...LOAD_ECX_EBX4], [], [1]))).toEqual([]);
  });

  it('leaves out instructions that are to check for themselves', () => {
    const code = [...LOAD_EAX_EBX, ...LOAD_ECX_EBX4, ...STORE_EBX8_EAX];
    expect(groups(block(code)).map(summary)).toEqual([{ low: 0, high: 12, width: 4, write: true, size: 3 }]);
    expect(groups(block(code), [0]).map(summary)).toEqual([
      { low: 4, high: 12, width: 4, write: true, size: 2 },
    ]);
  });

  it('goes on into blocks that are entered from here only, each for itself', () => {
    const ways = [block(LOAD_ECX_EBX4), block([...LOAD_EBX_EBX, ...STORE_EBX8_EAX])];
    expect(groups(block(LOAD_EAX_EBX, ways)).map(summary)).toEqual([
      { low: 0, high: 8, width: 4, write: false, size: 3 },
    ]);
  });
});

describe('a group across the end of a page', () => {
  const CODE = 0x400000,
    STACK = 0x302f08;
  // push ecx (four times); loop; jmp $: the stack grows over two ends of pages.
  const LOOP = [0x51, 0x51, 0x51, 0x51, 0xe2, 0xfa, 0xeb, 0xfe];

  /** What was pushed; the pages lie apart in machine memory. */
  function pushed(name: EngineName, rounds: number): number[] {
    const machine = new VectorMachine(32, 1);
    machine.enterUser();
    const { cpu, memory } = machine;
    memory.copyIn(CODE, Uint8Array.from(LOOP));
    const engine = createEngine(name, { heatThreshold: 4, train: false })(cpu, memory);
    const { r } = cpu;
    // The second time all pages are in the TLB: only the check of the group can tell that it spans two.
    for (const first of [7 * rounds, rounds]) {
      r[ECX] = first;
      r[ESP] = STACK;
      r[R_EIP] = CODE;
      r[R_PENDING]! |= PENDING.MODE;
      r[R_BUDGET] = rounds * 5;
      while (r[R_BUDGET]! > 0) engine.run();
    }
    return Array.from({ length: rounds * 4 }, (_, i) => memory.read32(STACK - 4 - 4 * i));
  }

  it.each(['interpreter', 'jit'] as const)('%s', (name) => {
    expect(pushed(name, 500)).toEqual(pushed('evaluator', 500));
    expect(pushed(name, 500).slice(-5)).toEqual([2, 1, 1, 1, 1]);
  });
});
