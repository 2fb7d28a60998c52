/** Code that the guest changes while it runs: operands are taken over in place, other changes take effect at once, and neither is translated again and again. */
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/jit/engines.js';
import type { EngineName } from '../../src/jit/engine.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, ECX, EDX, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400000;
const FUNCTION = 0x40;
/** `store` changes the function `ADD EAX, imm32; RET` from its byte `operand` on before each of ECX calls; EDX changes between the opcodes of ADD and SUB. */
const program = (operand: number, store: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(0x60);
  const at = CODE + FUNCTION + operand;
  bytes.set([...store, at & 255, (at >> 8) & 255, (at >> 16) & 255, at >>> 24]);
  bytes.set([0xe8, FUNCTION - 11, 0, 0, 0], 6);
  // XOR EDX, ESI; DEC ECX; JNZ
  bytes.set([0x31, 0xf2, 0x49, 0x75, 0xf0], 11);
  bytes.set([0xeb, 0xfe], 16);
  bytes.set([0x05, 0, 0, 0, 0, 0xc3], FUNCTION);
  return bytes;
};
const STORE_ECX = [0x89, 0x0d],
  STORE_DL = [0x88, 0x15];

interface Result {
  readonly eax: number;
  readonly translations: number;
}
function run(name: EngineName, code: Uint8Array, rounds: number): Result {
  const machine = new VectorMachine(32);
  machine.enterUser();
  machine.memory.copyIn(CODE, code);
  const engine = createEngine(name, { heatThreshold: 20, train: false })(machine.cpu, machine.memory);
  const { r } = machine.cpu;
  [0, rounds, 0x05, 0, 0x302000, 0, 0x28, 0].forEach((value, i) => (r[i] = value));
  r[R_EIP] = CODE;
  engine.synchronize();
  for (let left = rounds * 7; left > 0; left -= 1000) {
    r[R_BUDGET] = Math.min(left, 1000);
    engine.run();
    expect(r[R_PENDING]).toBe(0);
  }
  expect([r[ECX], r[R_EIP], r[EDX]! & 0xff]).toEqual([0, CODE + 16, rounds % 2 === 0 ? 0x05 : 0x2d]);
  const { translations = 0 } = engine.statistics() as { translations?: number };
  return { eax: r[EAX]!, translations };
}

const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;

describe('code that changes', () => {
  it.each(ENGINES)('%s: an immediate operand before each call', (name) => {
    const rounds = 3000;
    const { eax, translations } = run(name, program(1, STORE_ECX), rounds);
    expect(eax).toBe((rounds * (rounds + 1)) / 2);
    expect(translations).toBeLessThan(5);
  });
  it.each(ENGINES)('%s: one byte of an immediate operand before each call', (name) => {
    const { eax, translations } = run(name, program(2, STORE_DL), 3001);
    expect(eax).toBe((1501 * 0x05 + 1500 * 0x2d) << 8);
    expect(translations).toBeLessThan(5);
  });
  it.each(ENGINES)('%s: the operation before each call', (name) => {
    const code = program(0, STORE_DL);
    code.set([7, 0, 0, 0], FUNCTION + 1);
    const { eax, translations } = run(name, code, 3001);
    expect(eax).toBe(7);
    expect(translations).toBeLessThan(200);
  });
});

describe('an instruction that overwrites itself', () => {
  it.each(ENGINES)('%s: completes with the length it had', (name) => {
    const machine = new VectorMachine(32);
    machine.enterUser();
    // MOV dword [CODE], 0, which leaves ADD [EAX], AL and more of it; then JMP to itself.
    machine.memory.copyIn(CODE, new Uint8Array([0xc7, 0x05, 0, 0, 0x40, 0, 0, 0, 0, 0, 0xeb, 0xfe]));
    const { r } = machine.cpu;
    const engine = createEngine(name, { train: false })(machine.cpu, machine.memory);
    r.fill(0, 0, 8);
    r[R_EIP] = CODE;
    engine.synchronize();
    r[R_BUDGET] = 200;
    engine.run();
    expect([r[R_EIP], machine.memory.read32(CODE)]).toEqual([CODE + 10, 0]);
  });
});
