/** Every mnemonic has semantics, and the IR of every sample keeps the order that makes faults precise. */
import { describe, expect, it } from 'vitest';
import { OPCODES } from '../../src/decoder/opcodes.js';
import type { Semantic, Statement, Value } from '../../src/jit/ir.js';
import { allSamples, semanticsModule } from './native-jit.js';
import { orderProblems } from './order.js';

const { SEMANTICS, semanticOf } = semanticsModule;
const one: Value = { op: 'const', width: 32, value: 1 };
const eax = { kind: 'fixed', index: 0, high: false } as const;
const semantic = (...statements: Statement[]): Semantic => ({
  statements,
  temps: 0,
  hasHelper: false,
  endsBlock: false,
});
const write: Statement = { op: 'setGpr', width: 32, register: eax, value: one };
const load = (address: Value): Statement => ({ op: 'load', id: 0, width: 32, address, forWrite: false });

describe('the order checker', () => {
  it('objects to a read after a write', () => {
    const read: Statement = {
      op: 'let',
      id: 0,
      width: 32,
      value: { op: 'gpr', width: 8, register: { ...eax, high: true } },
    };
    expect(orderProblems(semantic(write, read))).toEqual(['reads gpr0 after writing it']);
    expect(orderProblems(semantic(read, write))).toEqual([]);
  });
  it('objects to an access after a write, also in one branch only', () => {
    const branch: Statement = { op: 'when', condition: one, then: [write], else: [], rare: false };
    expect(orderProblems(semantic(branch, load(one)))).toEqual(['load after a register or flag was written']);
  });
});

describe('semantics', () => {
  it('exist for each mnemonic of the opcode table, and for no other', () => {
    expect(Object.keys(SEMANTICS).sort()).toEqual([...new Set(OPCODES.map((row) => row.mnemonic))].sort());
  });
  it('keep the order of effects in all samples, concrete and in slots', { timeout: 120_000 }, () => {
    const bad = new Map<string, string>();
    for (const { instruction, mode } of allSamples) {
      for (const style of ['concrete', 'slot'] as const) {
        if (style === 'slot' && instruction.operands.some((o) => o.kind === 'far')) continue;
        const key = `${instruction.mnemonic} ${style}`;
        if (bad.has(key)) continue;
        const problems = orderProblems(semanticOf(instruction, mode, style));
        if (problems.length > 0) bad.set(key, problems.join('; '));
      }
    }
    expect(Object.fromEntries(bad)).toEqual({});
  });
});
