/** Calls from one region to another, and inline: the same state as one instruction at a time, wherever the run is cut. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, ECX, ESP, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400000,
  STACK = 0x302000;

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(/\s+/), (byte) => parseInt(byte, 16));

/** Each is a loop over `call`; EAX collects what happened. */
const PROGRAMS: Readonly<Record<string, string>> = {
  // 0: call 10; loop 0; jmp -2; 10: inc eax; ret
  'a leaf': 'e8 0b 00 00 00 e2 f9 eb fe 90 90 90 90 90 90 90 40 c3',
  // 10: test al,1; jne 17; add eax,3; ret; 18: inc eax; ret
  'a leaf with two ways': 'e8 0b 00 00 00 e2 f9 eb fe 90 90 90 90 90 90 90 a8 01 75 04 83 c0 03 c3 40 c3',
  // 10: add dword [esp],1 over an inc edx at 5: 0: call 10; inc edx; loop 0
  'a leaf that returns elsewhere': 'e8 0b 00 00 00 42 e2 f8 eb fe 90 90 90 90 90 90 83 04 24 01 40 c3',
  // 10: push ecx; mov ecx,[esp+8 …]: recursion: dec edx; js 1a; push edx; call 10; pop edx; 1a: inc eax; ret
  recursion: 'ba 2c 01 00 00 e8 06 00 00 00 e2 f4 eb fe 90 90 4a 78 07 52 e8 f7 ff ff ff 5a 40 c3',
  // Fibonacci numbers: two calls of itself
  'shallow recursion':
    'ba 03 00 00 00 e8 04 00 00 00 e2 f4 eb fe 83 fa 02 72 14 52 4a e8 f4 ff ff ff 8b 14 24 83 ea 02 e8 e9 ff ff ff 5a c3 40 c3',
  // call next; pop edx; loop
  'a call of the next instruction': 'e8 00 00 00 00 5a 40 e2 f7 eb fe',
  // 10: add [400005], the caller's `add eax,1` operand: 0: call 10; 5: add eax,1; loop 0
  'a callee that changes its caller':
    'e8 0b 00 00 00 83 c0 01 e2 f6 eb fe 90 90 90 90 80 05 07 00 40 00 01 c3',
  // 0: push 7; call 10; loop 0; 10: inc eax; ret 4
  'a callee that drops its argument': '6a 07 e8 09 00 00 00 e2 f7 eb fe 90 90 90 90 90 40 c2 04 00',
  // 0: mov edx,400010; call edx; loop 5
  'an indirect call': 'ba 10 00 40 00 ff d2 e2 fc eb fe 90 90 90 90 90 40 c3',
  // loop over `jmp [table + (ecx & 3) * 4]`, with jumps between the four
  'a jump table':
    '89 ca 83 e2 03 ff 24 95 34 00 40 00 40 e2 f1 eb fe 83 c0 05 e2 ea eb fe a9 01 00 00 00 74 ed 8d 04 40 e2 dc eb fe 83 f9 64 77 e6 8b ' +
    '04 24 01 c8 e2 ce eb fe 0c 00 40 00 11 00 40 00 18 00 40 00 26 00 40 00',
  // the same with calls: three leaves, one that calls another
  'a call table':
    '89 ca 83 e2 03 ff 14 95 2c 00 40 00 83 c0 07 e2 ef eb fe 40 c3 8d 04 00 c3 a8 01 74 f6 83 e8 03 c3 51 e8 ec ff ff ff 59 c3 90 90 90 13 ' +
    '00 40 00 15 00 40 00 19 00 40 00 21 00 40 00',
  // 0: push ecx; call 10; pop ecx; loop 0; 10: mov ecx,3; 15: inc eax; loop 15; ret
  'a callee with a loop': '51 e8 0a 00 00 00 59 e2 f7 eb fe 90 90 90 90 90 b9 03 00 00 00 40 e2 fd c3',
  // 0: push ecx; call 10; call 10; pop ecx; loop 0; the same callee
  'two calls of a callee with a loop':
    '51 e8 0a 00 00 00 e8 05 00 00 00 59 e2 f2 eb fe b9 03 00 00 00 40 e2 fd c3',
  // 10: pop edx; inc eax; jmp edx
  'a return by a jump': 'e8 0b 00 00 00 e2 f9 eb fe 90 90 90 90 90 90 90 5a 40 ff e2',
};

function stateAfter(
  name: EngineName,
  code: Uint8Array,
  cuts: readonly number[],
  options: object = {},
  links = true,
): number[] {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  if (!links) Object.assign(memory, { processor: { ...memory.processor, code: undefined } });
  memory.copyIn(CODE, code);
  const engine = createEngine(name, { heatThreshold: 4, targetThreshold: 12, train: false, ...options })(
    cpu,
    memory,
  );
  const { r } = cpu;
  [EAX, ECX, ESP].forEach((register, i) => (r[register] = [0, 400, STACK][i]!));
  r[R_EIP] = CODE;
  r[R_PENDING]! |= PENDING.MODE;
  for (const cut of cuts) {
    r[R_BUDGET] = cut;
    while (r[R_BUDGET]! > 0) engine.run();
  }
  return [...r.subarray(0, 8), r[R_EIP]!];
}

it('indirect jumps and calls become branches where their targets are known', () => {
  for (const [name, most] of [
    ['a jump table', 12],
    ['a call table', 60],
  ] as const) {
    const sources: string[] = [];
    const options = { onTranslation: (_region: string, source: string) => sources.push(source) };
    const before = stateAfter('jit', bytes(PROGRAMS[name]!), [700, 300, 300, 200], options);
    expect(before[ECX], name).toBeGreaterThan(0);
    expect(sources.some((source) => / - vb\b/.test(source))).toBe(true);
    expect(sources.length).toBeLessThan(most);
  }
});

it('a callee that a region was often left for becomes a part of it', () => {
  const sources: string[] = [];
  const options = { onTranslation: (_region: string, source: string) => sources.push(source) };
  const code = bytes(PROGRAMS['two calls of a callee with a loop']!);
  const apart = stateAfter('jit', code, [2500, 500, 3000], { ...options, targetThreshold: 1e6 });
  expect(sources.some((source) => / - vb\b/.test(source))).toBe(false);
  expect(stateAfter('jit', code, [2500, 500, 3000], options)).toEqual(apart);
  expect(sources.some((source) => / - vb\b/.test(source))).toBe(true);
  expect(sources.length).toBeLessThan(12);
});

it('a function that calls itself stays in its region', () => {
  const sources: string[] = [];
  const options = { onTranslation: (_region: string, source: string) => sources.push(source) };
  stateAfter('jit', bytes(PROGRAMS['shallow recursion']!), [1500], options);
  expect(sources.some((source) => source.includes('continue REGION'))).toBe(true);
});

describe.each(Object.entries(PROGRAMS))('%s', (_name, hex) => {
  const code = bytes(hex);
  it.each([
    ['at once', [1500]],
    ['in pieces', [701, 230, 127, 1, 1, 1, 121, 122, 119, 177]],
    ['to its end', [200_000]],
  ])('%s', (_how, cuts) => {
    const expected = stateAfter('evaluator', code, cuts);
    expect(stateAfter('jit', code, cuts)).toEqual(expected);
    expect(expected[EAX]).not.toBe(0);
  });
  it('in a machine whose memory has no room for links', () => {
    const cuts = [1500, 177];
    expect(stateAfter('jit', code, cuts, {}, false)).toEqual(stateAfter('evaluator', code, cuts));
  });
});

describe('functions that call each other', () => {
  /** dec edx; js 9; call the other; inc eax; 9: ret. 4,000 calls deep, 4 bytes of stack for each. */
  const half = (to: string): Uint8Array => bytes(`4a 78 06 e8 ${to} 40 c3`);
  const OTHER = CODE + 0x1000;
  const ROOT = CODE + 0x100;
  const LEVELS = 4000;

  function result(name: EngineName): number[] {
    const machine = new VectorMachine(32);
    machine.enterUser();
    const { cpu, memory } = machine;
    memory.copyIn(CODE, half('f8 0f 00 00'));
    memory.copyIn(OTHER, half('f8 ef ff ff'));
    // again: mov edx,4000; call CODE; jmp again
    memory.copyIn(ROOT, bytes('ba a0 0f 00 00 e8 f6 fe ff ff eb f4'));
    const engine = createEngine(name, { heatThreshold: 4, train: false })(cpu, memory);
    const { r } = cpu;
    r[EAX] = 0;
    r[ESP] = 0x304000;
    r[R_EIP] = ROOT;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = 5 * LEVELS * 6;
    while (r[R_BUDGET]! > 0) engine.run();
    return [...r.subarray(0, 8), r[R_EIP]!];
  }

  it('go on where more returns are to come than are kept', () => {
    const expected = result('evaluator');
    expect(expected[EAX]).toBeGreaterThan(3 * LEVELS);
    expect(result('jit')).toEqual(expected);
  });
});
