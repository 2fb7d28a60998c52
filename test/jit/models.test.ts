/** Processor models: what a model does not have is #UD in every engine, whatever row of the opcode table it is; all else is not. */
import { describe, expect, it } from 'vitest';
import { OPCODES } from '../../src/decoder/opcodes.js';
import type { OpcodeRow } from '../../src/decoder/opcodes.js';
import { decode } from '../../src/decoder/decode.js';
import { DRAWN_ROWS, LAYOUT, Loop, assemble } from '../../src/regress/fuzz-case.js';
import type { FuzzCase, FuzzInstruction } from '../../src/regress/fuzz-case.js';
import { drawCase } from '../../src/regress/fuzz-draw.js';
import { FuzzMachine } from '../../src/regress/fuzz-machine.js';
import { CPU_MODELS, hasFeature } from '../../src/runtime/cpu-models.js';
import type { CpuModelName } from '../../src/runtime/cpu-models.js';
import { Vector } from '../../src/runtime/fault.js';
import { Cpu, ECX, ESP } from '../../src/runtime/state.js';

const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;
const MODELS = Object.keys(CPU_MODELS) as CpuModelName[];
const PENTIUM = ['FPU', 'TSC', 'MSR', 'CX8'];
const PENTIUM3 = [...PENTIUM, 'SEP', 'CMOV', 'MMX', 'FXSR', 'SSE'];
/** The manual's features of the parts that the models are named for (SDM vol. 1, chapter 5 says which brought which). */
const FEATURES: Readonly<Record<CpuModelName, { family: number; features: readonly string[] }>> = {
  '486': { family: 4, features: ['FPU'] },
  pentium: { family: 5, features: PENTIUM },
  pentium3: { family: 6, features: PENTIUM3 },
  default: { family: 6, features: [...PENTIUM3, 'SSE2', 'SSE3', 'CLFSH'] },
};
/** Not run at CPL 0 by the machine of the fuzzer, but by every kernel. */
const HARMFUL = new Set(['LMSW', 'MOVCR']);
/** #UD everywhere. */
const UNDEFINED = new Set(['UD0', 'UD1', 'UD2', 'RSM']);
const rowOf = (opcode: string): number =>
  DRAWN_ROWS.indexOf(OPCODES.findIndex((r: OpcodeRow) => r.opcode === opcode));

const instruction = (row: number, more: Partial<FuzzInstruction> = {}): FuzzInstruction => ({
  row,
  prefix: 0,
  modrm: 0xc3,
  sib: 0x24,
  displacement: 0,
  immediate: 0,
  ...more,
});
const ROUNDS = 60;
/** A loop that becomes a region, and the instruction behind it. */
function caseOf(index: number): FuzzCase {
  const loop = [
    instruction(rowOf('48+r'), { modrm: ECX }),
    instruction(rowOf('70+cc'), { modrm: 5, displacement: 0 }),
  ];
  return {
    ...drawCase(1),
    bits: 32,
    cpl: 0,
    instructions: [...loop, instruction(DRAWN_ROWS.indexOf(index))],
    loop: Loop.NONE,
    registers: [0x200100, ROUNDS, 0x200100, 0x200100, 0x200800, 0x200100, 0x200100, 0x200100],
    flags: 2,
    control: 0,
    fpu: 0,
    offset: 0,
  };
}

/** Whether the instruction behind the loop was #UD. */
function isUndefined(machine: FuzzMachine, c: FuzzCase): boolean {
  const program = assemble(c);
  machine.load(c, program);
  machine.run(2 * ROUNDS + 200);
  if (machine.vector() !== Vector.UD) return false;
  return machine.machine.memory.read32(machine.cpu.r[ESP]!) === LAYOUT[32].code + program.boundaries[2]!;
}
const isMissing = (name: CpuModelName, row: OpcodeRow): boolean =>
  (row.cpuid !== undefined && !FEATURES[name].features.includes(row.cpuid)) ||
  (row.family ?? 0) > FEATURES[name].family;

describe('every row of the opcode table', () => {
  for (const name of ENGINES) {
    it(`in the ${name}`, { timeout: 120_000 }, () => {
      const machine = new FuzzMachine(name, 32);
      const wrong: string[] = [];
      for (const index of new Set(DRAWN_ROWS)) {
        const row: OpcodeRow = OPCODES[index]!;
        if (HARMFUL.has(row.mnemonic)) continue;
        const c = caseOf(index);
        const { bytes, boundaries } = assemble(c);
        const decoded = decode(bytes, boundaries[2]!, bytes.length, 32);
        expect(typeof decoded === 'object' && decoded.row, row.opcode).toBe(index);
        for (const model of MODELS) {
          machine.cpu.model = CPU_MODELS[model];
          const expected = UNDEFINED.has(row.mnemonic) || isMissing(model, row);
          if (isUndefined(machine, c) !== expected)
            wrong.push(`${model}: ${row.opcode} ${row.mnemonic} is ${expected ? 'not ' : ''}#UD`);
        }
      }
      expect(wrong).toEqual([]);
      if (name === 'jit') expect(machine.engine.translatedInstructions).toBeGreaterThan(10_000);
    });
  }
  it('has rows that each model but the newest lacks', () => {
    const missing = MODELS.map((name) => OPCODES.filter((row) => isMissing(name, row)).length);
    expect(missing).toEqual([...missing].sort((a, b) => b - a));
    expect(new Set(missing).size).toBe(MODELS.length);
  });
});

describe('what CPUID announces', () => {
  it.each(MODELS)('by %s is what the instructions go by', (name) => {
    const cpu = new Cpu(CPU_MODELS[name]);
    const named = new Set(OPCODES.flatMap((row: OpcodeRow) => row.cpuid ?? []));
    expect([...named].filter((feature) => hasFeature(cpu, feature)).sort()).toEqual(
      [...FEATURES[name].features].sort(),
    );
  });
  it('has no features nobody knows', () => {
    expect(() => hasFeature(new Cpu(CPU_MODELS.default), 'AVX')).toThrow("no CPUID feature is called 'AVX'");
  });
});
