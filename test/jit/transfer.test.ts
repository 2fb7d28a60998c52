/** The function that calls regions, and the table it calls them through. */
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/jit/engines.js';
import { FunctionTable } from '../../src/jit/region/function-table.js';
import { LinkArea } from '../../src/jit/region/link-area.js';
import { aheadTransfer } from '../../src/jit/region/transfer.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { LINK_WORDS } from '../../src/runtime/processor-area.js';
import { EAX, EBX, ECX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

setFlagsFromString('--allow-natives-syntax');
const isCompiledAhead = new Function('f', 'return %IsWasmCode(f)') as (f: unknown) => boolean;
const CODE = 0x400000;

const SOURCE = `"use asm";
  function f(a, b, c) { a = a | 0; b = b | 0; c = c | 0; return ((a + b | 0) + c) | 0; }
  return f;`;
const aheadOfTime = (): unknown =>
  (new Function('stdlib', 'env', 'heap', SOURCE) as (...parts: object[]) => unknown)(
    globalThis,
    {},
    new ArrayBuffer(65536),
  );
type Three = (a: number, b: number, c: number) => number;

describe.each([
  ['for callers compiled ahead of time', true],
  ['for ordinary callers', false],
])('a table of functions %s', (_name, ahead) => {
  it('calls what has the number', () => {
    const table = new FunctionTable(ahead);
    table.set(0, aheadOfTime() as Three);
    table.set(1, (a, b, c) => (a * 100 + b * 10 + c) | 0);
    table.set(5000, (a) => -a);
    expect([0, 1, 5000].map((number) => table.call(number, 7, 2, 1))).toEqual([10, 721, -7]);
  });
  it('has no function where one was forgotten, and takes another', () => {
    const table = new FunctionTable(ahead);
    table.set(3, () => 1);
    table.forget(3);
    expect(() => table.call(3, 0, 0, 0)).toThrow();
    table.set(3, () => 2);
    expect(table.call(3, 0, 0, 0)).toBe(2);
  });
  it('lets through what is thrown', () => {
    const table = new FunctionTable(ahead);
    const thrown = new Error('a fault');
    table.set(9, () => {
      throw thrown;
    });
    expect(() => table.call(9, 0, 0, 0)).toThrow(thrown);
  });
});

it('the transfer is in the subset that the host compiles ahead of time', () => {
  const buffer = new ArrayBuffer(16 << 20);
  const layout = {
    buffer,
    r: 0,
    RT: 4096,
    WT: 4096,
    system: 0,
    attributes: 0,
    selectors: 0,
    ring: 0,
    xmm: 512,
    mxcsr: 848,
    xi: 864,
    xd: 1024,
  };
  const none = (): number => 0;
  const calls = {
    go: none,
    lookUp: none,
    frameOf: none,
    changeMode: none,
    moveCode: none,
    interpret: none,
    left: none,
    called: none,
  };
  expect(
    isCompiledAhead(
      aheadTransfer(calls, layout, {
        L: 65536,
        XT: 4096,
        P: 4096,
        heat: 4096,
        ways: 4096,
        MAP: 4096,
        AREA: 0,
      }),
    ),
  ).toBe(true);
});

describe('records', () => {
  const area = (): LinkArea => new LinkArea(new VectorMachine(32).memory, false);
  it('do not overlap, and are used again', () => {
    const links = area();
    const sizes = [10, 40, 33, 64, 10];
    const places = sizes.map((size) => [links.allocate(size), size] as const);
    const words = new Set<number>();
    for (const [at, size] of places) for (let i = 0; i < size; i++) words.add(at + i);
    expect(words.size).toBe(sizes.reduce((a, b) => a + b));
    links.release(...places[1]!);
    expect(links.allocate(50)).toBe(places[1]![0]);
  });
  it('end before the area does', () => {
    const links = area();
    let last = 0;
    while (links.hasRoom(5000)) last = links.allocate(5000);
    expect(last).toBeGreaterThan(LINK_WORDS - 2 * 5024);
    expect(last + 5000).toBeLessThanOrEqual(LINK_WORDS);
  });
});

it('regions without room for their records make everything be thrown away, and the guest goes on', () => {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  // again: dec ecx; jne again; jmp again
  memory.copyIn(CODE, Uint8Array.from([0x49, 0x75, 0xfd, 0xeb, 0xfb]));
  const engine = createEngine('jit', { heatThreshold: 4, train: false })(cpu, memory);
  const { links } = (engine as unknown as { regions: { links: { area: LinkArea } } }).regions;
  while (links.area.hasRoom(30)) links.area.allocate(30);
  const { r } = cpu;
  r[ECX] = 1000;
  r[R_EIP] = CODE;
  r[R_PENDING]! |= PENDING.MODE;
  r[R_BUDGET] = 900;
  while (r[R_BUDGET]! > 0) engine.run();
  expect(r[ECX]).toBe(550);
  expect(engine.statistics()).toMatchObject({ translations: 1, codeCache: { resets: 1 } });
});

it('interprets code without a region between regions, with the same result, once the interpreter is compiled', () => {
  /** again: inc eax; test eax,fff; jz rare; back: loop again; jmp again; rare: add ebx,3; not ebx; jmp back */
  const code = [
    0x40, 0xa9, 0xff, 0x0f, 0, 0, 0x74, 5, 0xe2, 0xf6, 0xeb, 0xf4, 0x90, 0x83, 0xc3, 3, 0xf7, 0xd3, 0xeb,
    0xf4,
  ];
  const results = (['jit', 'evaluator'] as const).map((name) => {
    const machine = new VectorMachine(32);
    machine.enterUser();
    const { cpu, memory } = machine;
    memory.copyIn(CODE, Uint8Array.from(code));
    const engine = createEngine(name, { heatThreshold: 1000 })(cpu, memory);
    const { r } = cpu;
    [EAX, EBX, ECX].forEach((register, i) => (r[register] = [0, 7, 4][i]!));
    r[R_EIP] = CODE;
    r[R_PENDING]! |= PENDING.MODE;
    for (const cut of [300_000, 100_000, 100_001, 99_999]) {
      r[R_BUDGET] = cut;
      while (r[R_BUDGET]! > 0) engine.run();
    }
    return { state: [...r.subarray(0, 8), r[R_EIP]], statistics: engine.statistics() };
  });
  expect(results[0]!.state).toEqual(results[1]!.state);
  const { exits } = results[0]!.statistics as { exits: Record<string, number> };
  expect(exits.interpreted).toBeGreaterThan(10);
  expect(exits.untranslated).toBeLessThan(60);
});

/** 400000: dec ecx; jnz 400000; jmp 401000 */
const REGION = Uint8Array.of(0x49, 0x75, 0xfd, 0xe9, 0xf8, 0x0f, 0, 0);
/** 401000: inc eax; inc eax; aad; inc eax; jmp 401005 */
const COLD = Uint8Array.of(0x40, 0x40, 0xd5, 10, 0x40, 0xeb, 0xfe);
/** 402000: nop; jmp 400000 */
const START = Uint8Array.of(0x90, 0xe9, 0xfa, 0xdf, 0xff, 0xff);

it('what the interpreter leaves to a handler is done where the region’s page was not fetched from before', () => {
  const [jit, evaluator] = (['jit', 'evaluator'] as const).map((name) => {
    const machine = new VectorMachine(32);
    machine.enterUser();
    const { cpu, memory } = machine;
    const { r } = cpu;
    memory.copyIn(CODE, REGION);
    memory.copyIn(CODE + 0x1000, COLD);
    memory.copyIn(CODE + 0x2000, START);
    const engine = createEngine(name, { heatThreshold: 60 })(cpu, memory);
    const run = (ecx: number, budget: number): void => {
      [r[EAX], r[ECX], r[R_EIP]] = [0, ecx, CODE + 0x2000];
      r[R_PENDING]! |= PENDING.MODE;
      for (r[R_BUDGET] = budget; r[R_BUDGET]! > 0;) engine.run();
    };
    // Longer than until the interpreter is compiled.
    run(150_000, 300_050);
    run(1000, 2600);
    run(1000, 2600);
    const entry = memory.read32(cpu.cr3 + 4) & -4096;
    memory.write32(entry, memory.read32(entry) & ~0x20);
    cpu.mmu.invalidatePage(CODE);
    run(1000, 2600);
    return [...r.subarray(0, 8), r[R_EIP]!];
  });
  expect(jit![0]).toBe(3);
  expect(jit).toEqual(evaluator);
});
