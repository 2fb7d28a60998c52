/** The interpreter's hot switch, as ordinary JavaScript and compiled ahead of time, against the handlers: every form, in random states. */
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { FlagOperation, flagKind, getStatusFlags } from '../../src/runtime/flags.js';
import {
  EAX,
  ESP,
  R_BUDGET,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_FAULT,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_PENDING,
  R_SEGMENT_BASE,
  R_ZERO,
} from '../../src/runtime/state.js';
import { PAGE_CODE } from '../../src/runtime/memory.js';
import { distUrl } from '../fuzz/native.mjs';

// Native modules: under the test runner the host would not compile ahead of time what it has transformed.
const load = async <T>(path: string): Promise<T> => (await import(distUrl(path))) as T;
const { Interpreter } = await load<typeof import('../../src/jit/interpreter/interpreter.js')>(
  'jit/interpreter/interpreter.js',
);
const { MemoryView } = await load<typeof import('../../src/jit/interpreter/environment.js')>(
  'jit/interpreter/environment.js',
);
const { AHEAD, FORM_NUMBERS } = await load<typeof import('../../src/jit/interpreter/generated.js')>(
  'jit/interpreter/generated.js',
);
const { HOT_FORMS } = await load<typeof import('../../src/jit/interpreter/hot-forms.js')>(
  'jit/interpreter/hot-forms.js',
);
const { SpecialForm } =
  await load<typeof import('../../src/jit/interpreter/forms.js')>('jit/interpreter/forms.js');
const { CodeCache, NEVER_HOT } =
  await load<typeof import('../../src/runtime/code-cache.js')>('runtime/code-cache.js');
const { GuestFault } = await load<typeof import('../../src/runtime/fault.js')>('runtime/fault.js');
const { VectorMachine } =
  await load<typeof import('../../src/jit/vector-machine.js')>('jit/vector-machine.js');

const CODE = 0x400000,
  DATA = 0x200000,
  DATA_BYTES = 0x5000;
const CASES = 80;
/** Where instructions lie on the code page, and where jumps land: nothing else is decoded. */
const AT = [0x100, 0x103, 0x106] as const,
  LANDINGS = [0x80, 0x200];
/** In the middle of a page, before its end, read-only, not mapped, and of a page that the TLB does not know yet. */
const PLACES = [0x200800, 0x200801, 0x200ffe, 0x203800, 0x204800, 0x202400];
const VALUES = [
  0,
  1,
  -1,
  31,
  33,
  0x7fffffff,
  -0x80000000,
  CODE + 0x80,
  CODE + 0x200,
  CODE + 0x1080,
  0x500000,
];
const JUMPS = HOT_FORMS.filter((key) => key.startsWith('JCC'));

let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  return (seed >>> 8) % below;
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const word = (): number => (random(3) === 0 ? pick(VALUES) : Math.imul(random(1 << 24), 0x9e3779b1));

const BYTES = new Uint8Array(Int32Array.from({ length: DATA_BYTES / 4 }, word).buffer);

const machine = new VectorMachine(32);
machine.enterUser();
const { cpu, memory } = machine;
const { r, mmu } = cpu;
const cache = new CodeCache(cpu, memory, NEVER_HOT);
cache.setMode(1);
const view = new MemoryView(mmu);
view.user = 1;
const plain = new Interpreter(cpu, memory, cache, view);
const ahead = new Interpreter(cpu, memory, cache, view);
ahead.compile();

const mapBase = cache.openPage(memory.machineAddress(CODE) >>> 12);
const farBase = cache.openPage(memory.machineAddress(CODE + 0x1000) >>> 12);
// Instructions that store there do not change what runs.
for (const page of [CODE, CODE + 0x1000]) memory.clearPageFlag(memory.machineAddress(page) >>> 12, PAGE_CODE);
const slots = AT.map(() => cache.allocateSlot());
const landings = LANDINGS.map((offset) => land(mapBase, offset));
land(farBase, 0x80);

/** A slot that only goes on at its own offset, through the dispatcher. */
function land(base: number, offset: number): number {
  const slot = cache.allocateSlot();
  cache.slots.set([SpecialForm.NEXT, 0, offset, offset], slot);
  cache.map[base + offset] = slot;
  return slot;
}

function instruction(n: number, key: string): void {
  const branches = key.includes(' rel');
  const offset = pick([...LANDINGS, 0x1080, 0x1090, 0x3000]);
  const known = random(2) === 1 ? landings[LANDINGS.indexOf(offset)] : undefined;
  const fields =
    (random(8) << 12) | (random(8) << 16) | (pick([0, 3, 5, R_ZERO]) << 20) | (pick([1, R_ZERO]) << 24);
  cache.slots.set(
    [
      FORM_NUMBERS.get(key)! | fields | (random(4) << 28),
      branches ? (known ?? 0) : word(),
      branches ? offset : random(64) - 32,
      AT[n]! | (3 << 12) | ((R_SEGMENT_BASE + pick([3, 3, 4])) << 16),
    ],
    slots[n]!,
  );
}

/** Operands and results stand at the top of their words. */
function setFlags(registers: Int32Array, operation: number, width: number): void {
  const justified = (): number => word() << (32 - width);
  registers[R_FLAG_KIND] = flagKind(operation, width);
  registers[R_FLAG_A] = operation in CARRIES ? random(0x1000) & CARRIES[operation]! : justified();
  registers[R_FLAG_B] = justified();
  registers[R_FLAG_RESULT] = justified();
}
/** Flags that an operation keeps in the first operand. */
const CARRIES: Readonly<Record<number, number>> = {
  [FlagOperation.EXPLICIT]: 0x8d5,
  [FlagOperation.RESULT]: 0x811,
  [FlagOperation.INC]: 1,
  [FlagOperation.DEC]: 1,
};

/** The slots' words and all registers. */
function prepare(key: string): { words: Int32Array; registers: Int32Array } {
  instruction(0, key);
  if (random(2) === 1) instruction(1, pick(JUMPS));
  else cache.slots.set([SpecialForm.NEXT, 0, AT[1], AT[1]], slots[1]);
  cache.slots.set([SpecialForm.NEXT, 0, AT[2], AT[2]], slots[2]);
  const registers = r.slice();
  for (let n = EAX; n < 8; n++) registers[n] = random(2) === 1 ? pick(PLACES) : word();
  registers[1] = random(2) === 1 ? random(64) : word();
  registers[ESP] = pick([0x200900, 0x200904, 0x200902]);
  setFlags(registers, random(6), pick([8, 16, 32]));
  registers[R_BUDGET] = random(4) === 0 ? 97 : 1000;
  registers[R_EIP] = registers[R_PENDING] = registers[R_FAULT] = 0;
  const words = cache.slots.slice(slots[0], slots[2]! + 4);
  return { words, registers };
}

/** What a run ended with; faults are part of it. */
function outcome(run: () => unknown): unknown {
  let ended: unknown;
  try {
    ended = run();
  } catch (caught) {
    if (!(caught instanceof GuestFault)) throw caught;
    ended = `fault ${caught.vector} ${caught.errorCode}`;
  }
  const registers = [...r.subarray(0, R_EIP + 1), r[R_EFLAGS], r[R_BUDGET], r[R_CPL]];
  const data = memory.u8.subarray(memory.machineAddress(DATA)).subarray(0, DATA_BYTES);
  const changed = data.findIndex((byte, i) => byte !== BYTES[i]);
  return {
    ended,
    registers,
    flags: getStatusFlags(cpu),
    changed,
    data: changed < 0 ? [] : [...data.subarray(changed, changed + 8)],
  };
}

function reference(): boolean {
  for (const slot of slots) {
    const [form, , next, place] = cache.slots.subarray(slot, slot + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (form === SpecialForm.NEXT) {
      r[R_EIP] = CODE + next;
      return false;
    }
    r.set([slot, CODE, mapBase], 26);
    const result = plain.handlers[form & 4095]!(slot, CODE);
    r[R_BUDGET] = r[R_BUDGET]! - 1;
    if (result !== 0) return false;
    r[R_EIP] = CODE + (place & 4095) + ((place >> 12) & 15);
    if (r[R_PENDING] !== 0) return false;
  }
  return false;
}

function runFrom(state: ReturnType<typeof prepare>, heat: number, run: () => unknown): unknown {
  mmu.flush(true);
  memory.u8.set(BYTES, memory.machineAddress(DATA));
  memory.u8.fill(0, memory.machineAddress(CODE), memory.machineAddress(CODE + 0x3000));
  r.set(state.registers);
  cache.slots.set(state.words, slots[0]);
  for (const slot of landings) cache.heat[slot >> 2] = heat;
  // What earlier instructions have touched.
  for (const page of [0x200000, 0x201000]) mmu.write8(page, BYTES[page - DATA]!);
  mmu.read8(0x203000);
  for (const page of [CODE, CODE + 0x1000]) mmu.fetch(page);
  return outcome(run);
}

describe('the hot switch', () => {
  it('is in the subset that the host compiles ahead of time', () => {
    setFlagsFromString('--allow-natives-syntax');
    const isCompiledAhead = new Function('f', 'return %IsAsmWasmCode(f)') as (f: unknown) => boolean;
    const factory = new Function('stdlib', 'env', 'heap', AHEAD.replace(/\$\w+[-+/]\d+\$/g, '4096')) as (
      ...parts: readonly object[]
    ) => unknown;
    factory(globalThis, {}, new ArrayBuffer(1 << 16));
    expect(isCompiledAhead(factory)).toBe(true);
  });

  it.each(HOT_FORMS)('%s', (key) => {
    for (let n = 0; n < CASES; n++) {
      const state = prepare(key);
      const heat = random(4) === 0 ? 0 : 1000;
      const execute = (interpreter: InstanceType<typeof Interpreter>) => () =>
        interpreter.execute(slots[0]!, CODE, mapBase);
      const byPlain = runFrom(state, heat, execute(plain));
      expect(runFrom(state, heat, execute(ahead))).toEqual(byPlain);
      if (heat > 0 && state.registers[R_BUDGET] === 1000)
        expect(runFrom(state, heat, reference)).toEqual(byPlain);
    }
  });
});
