/**
 * Shows the interpreter's hot switch every form, fast and slow, with every kind of flags: V8 then optimises it once with complete feedback
 * instead of throwing the code away at each form it meets for the first time (design note in docs/performance.md). Comes between two runs of a
 * guest, on pages of its own, and leaves no trace in the machine but in its TLB.
 */
import type { CodeCache } from '../../runtime/code-cache.js';
import { FlagOperation, flagKind } from '../../runtime/flags.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import {
  ESP,
  R_BUDGET,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  type Cpu,
} from '../../runtime/state.js';
import { SpecialForm } from './forms.js';
import { FORM_NUMBERS } from './generated.js';
import { HOT_FORMS } from './hot-forms.js';
import type { MemoryView } from './environment.js';

type Run = (slot: number, pageEip: number, mapBase: number) => number;

const ROUNDS = 2;
/** Linear addresses: data, and code that jumps reach. */
const DATA_PAGE = 0x10000,
  CODE_PAGE = 0x11000;
/** Data, code, the next page with code, and one that is mapped without code; the page behind them is not mapped. */
const PAGES = [DATA_PAGE, CODE_PAGE, CODE_PAGE + 4096, CODE_PAGE + 8192] as const;
const KINDS = Object.values(FlagOperation).map((operation) => flagKind(operation, 32));

export interface TrainingGround {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly cache: CodeCache;
  /** The supervisor's tables; the base of CS is put back. */
  readonly view: MemoryView;
}

/** To be called at privilege 0 with nothing pending. False, and nothing has happened, where it cannot be now. */
export function trainInterpreter(ground: TrainingGround, run: Run): boolean {
  const { cpu, memory, view } = ground;
  const { mmu } = cpu;
  if (mmu.isAttentive || memory.spareFrames < PAGES.length) return false;
  const registers = cpu.r.slice();
  const { codeBase } = view;
  const frames = PAGES.map(() => memory.allocateFrame());
  PAGES.forEach((page, i) => mmu.lend(page, frames[i]!));
  view.codeBase = 0;
  exerciseAll(ground, run, frames);
  view.codeBase = codeBase;
  cpu.r.set(registers);
  // A new epoch, after the registers are as they were.
  for (const page of PAGES) mmu.invalidatePage(page);
  memory.u8.fill(0, frames[0]! << 12, (frames[0]! + 1) << 12);
  for (const frame of frames.reverse()) memory.releaseFrame(frame);
  return true;
}

function exerciseAll(ground: TrainingGround, run: Run, frames: readonly number[]): void {
  const { cache } = ground;
  const [data, code, far] = frames as [number, number, number];
  const mapBase = cache.openPage(code);
  const slots = prepareSlots(ground, mapBase, cache.openPage(far));
  for (let round = 0; round < ROUNDS; round++) {
    for (const form of HOT_FORMS) exercise(ground, run, slots, form, mapBase, data << 12);
  }
  cache.forget(code);
  cache.forget(far);
}

interface Slots {
  /** Landing places of jumps: before and behind the form. */
  readonly before: number;
  readonly form: number;
  readonly behind: number;
}
/** A slot for the form, its end, and landing places at offset 0 of the code page and of the page behind it. */
function prepareSlots(ground: TrainingGround, mapBase: number, farBase: number): Slots {
  const { cache } = ground;
  const before = cache.allocateSlot();
  const form = cache.allocateSlot();
  const end = cache.allocateSlot();
  const behind = cache.allocateSlot();
  for (const slot of [before, end, behind]) {
    cache.slots[slot] = SpecialForm.NEXT;
    cache.slots[slot + 2] = 64;
  }
  cache.map[mapBase] = behind;
  cache.map[farBase] = before;
  return { before, form, behind };
}

interface Case {
  readonly kind: number;
  /** Lazy flag operands and result. */
  readonly a: number;
  readonly b: number;
  readonly result: number;
  readonly eax: number;
  readonly ecx: number;
  readonly address: number;
  readonly budget: number;
  /** Known target slot of a direct branch, 0 to look it up at `offset` of the page. */
  readonly target: number;
  readonly offset: number;
}
const FLAG_VALUES = [
  { a: 1, b: 2, result: -1 },
  { a: 0x7fffffff, b: -1, result: 0 },
  { a: 0x891, b: 0x7fffffff, result: 0x12345678 },
] as const;

/** Fast and slow accesses, every flag kind with conditions both ways, every way a jump can go. */
function* cases(slots: Slots): Generator<Case> {
  const near = DATA_PAGE + 256;
  const plain = {
    kind: KINDS[2]!,
    ...FLAG_VALUES[0],
    eax: CODE_PAGE,
    ecx: 3,
    address: near,
    budget: 1000,
    target: 0,
    offset: 0,
  };
  for (const kind of KINDS) {
    for (const values of FLAG_VALUES) {
      yield { ...plain, ...values, kind, target: slots.behind };
      yield { ...plain, ...values, kind, target: slots.before, eax: -5 };
    }
  }
  for (const values of FLAG_VALUES) {
    yield { ...plain, ...values, address: near + 1, ecx: 0, eax: 0x7fffffff };
    yield { ...plain, ...values, eax: 0x7ffffff1 };
    yield { ...plain, ...values, budget: 97, target: slots.behind };
    for (const offset of [0, 4096, 8192, 12288]) {
      yield { ...plain, ...values, offset, eax: CODE_PAGE + offset };
      yield { ...plain, ...values, offset, eax: CODE_PAGE + offset, budget: 97 };
    }
  }
}

function exercise(
  ground: TrainingGround,
  run: Run,
  slots: Slots,
  name: string,
  mapBase: number,
  data: number,
): void {
  const { cpu, memory, cache } = ground;
  const { r } = cpu;
  const form = FORM_NUMBERS.get(name)!;
  const isBranch = name.includes(' rel');
  for (const c of cases(slots)) {
    const slot = slots.form;
    cache.slots[slot] = form | (7 << 20) | (8 << 24);
    cache.slots[slot + 1] = isBranch ? c.target : c.a;
    cache.slots[slot + 2] = isBranch && c.target === 0 ? c.offset : 0;
    cache.slots[slot + 3] = 128 | (2 << 12) | (12 << 16);
    r.fill(0);
    r[7] = r[5] = r[ESP] = c.address;
    r[0] = c.eax;
    r[1] = c.ecx;
    r[R_FLAG_KIND] = c.kind;
    r[R_FLAG_A] = c.a;
    r[R_FLAG_B] = c.b;
    r[R_FLAG_RESULT] = c.result;
    r[R_BUDGET] = c.budget;
    memory.view.setInt32(data | (c.address & 0xffc), c.eax, true);
    cache.heat[slots.behind >> 2] = cache.heat[slots.before >> 2] = c.budget === 97 ? 0 : 1000;
    run(slot, CODE_PAGE, mapBase);
  }
}
