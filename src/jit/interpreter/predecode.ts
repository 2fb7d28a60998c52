/** Turns guest bytes into interpreter slots, a chain of instructions at a time. Touches memory without side effects. */
import { DecodeFailure, type Instruction } from '../../decoder/instruction.js';
import type { CodeCache, CodePage } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Cpu } from '../../runtime/state.js';
import type { Semantic } from '../ir.js';
import { decodeIn, modeView } from '../mode-view.js';
import { hasShortWay } from '../emit/vector.js';
import { hasWordImmediate, semanticOf } from '../semantics/index.js';
import { formOf } from './form-cache.js';
import { CHAIN_LIMIT, slotFields, SpecialForm, type SlotFields } from './forms.js';

/** What an x87 or SSE instruction costs here, in others. */
const FLOATING_COST = 30;

const FORM_MASK = 4095;

export interface Concrete {
  readonly instruction: Instruction;
  readonly semantic: Semantic;
}

const LEAVES = new Set(
  'JMP CALL RET JMPF CALLF RETF IRET INT INT3 INT1 SYSENTER SYSEXIT UD0 UD1 UD2'.split(' '),
);
/** Control never simply falls through to the next instruction. */
export const leavesChain = (i: Instruction): boolean => LEAVES.has(i.mnemonic);

export class Predecoder {
  /** Instructions of slots that are evaluated, by slot. */
  readonly concrete = new Map<number, Concrete>();

  private readonly cache: CodeCache;
  private readonly memory: PhysicalMemory;
  private readonly cpu: Cpu;
  private readonly evaluateAll: boolean;

  constructor(
    cpu: Cpu,
    cache: CodeCache,
    memory: PhysicalMemory,
    /** Every instruction is evaluated (the evaluator engine). */
    evaluateAll: boolean,
  ) {
    this.cpu = cpu;
    this.cache = cache;
    this.memory = memory;
    this.evaluateAll = evaluateAll;
  }

  /** Decodes from a machine address in the current mode; returns the first slot. */
  chain(machine: number): number {
    const decoded: [slot: number, floating: boolean][] = [];
    const first = this.decodeChain(machine, decoded);
    if (decoded.some(([, floating]) => floating)) this.hasten(decoded);
    return first;
  }

  /** The more the instructions of a block cost here, the sooner they are translated. */
  private hasten(decoded: readonly [slot: number, floating: boolean][]): void {
    let floating = 0;
    for (let i = decoded.length - 1; i >= 0; i--) {
      const [slot, isFloating] = decoded[i]!;
      if (isFloating) floating++;
      this.cache.hasten(slot, 1 + (FLOATING_COST * floating) / (decoded.length - i));
    }
  }

  private decodeChain(machine: number, decoded: [slot: number, floating: boolean][]): number {
    const { cache } = this;
    const frame = machine >>> 12;
    const base = cache.openPage(frame);
    let offset = machine & 4095;
    const first = cache.allocateSlot();
    let slot = first;
    for (let count = 0; ; count++) {
      const joined = offset < 4096 ? cache.map[base + offset]! : 0;
      if (joined !== 0) return this.ending(slot, SpecialForm.GOTO, joined, offset, first);
      if (count === CHAIN_LIMIT || offset >= 4096)
        return this.ending(slot, SpecialForm.NEXT, 0, offset, first);
      const instruction = this.slotAt(slot, frame, offset, base);
      if (instruction !== undefined) decoded.push([slot, hasShortWay(instruction.mnemonic)]);
      if (instruction === undefined || leavesChain(instruction)) return first;
      offset += instruction.length;
      slot = cache.allocateSlot();
    }
  }

  private ending(slot: number, form: number, target: number, offset: number, first: number): number {
    const { slots } = this.cache;
    slots[slot] = form;
    slots[slot + 1] = target;
    slots[slot + 2] = offset;
    slots[slot + 3] = offset & 4095;
    return first;
  }

  /** Fills one slot; undefined where the chain cannot go on. */
  private slotAt(slot: number, frame: number, offset: number, base: number): Instruction | undefined {
    const { cache, memory } = this;
    const view = modeView(cache.mode, this.cpu);
    const start = (frame << 12) + offset;
    const decoded = decodeIn(view, memory.u8, start, (frame + 1) << 12);
    cache.map[base + offset] = slot;
    if (typeof decoded === 'number') {
      cache.coverBytes(frame, offset, Math.min(15, 4096 - offset));
      this.special(
        slot,
        decoded === DecodeFailure.INVALID ? SpecialForm.EVALUATE : SpecialForm.CROSS,
        offset,
      );
      return undefined;
    }
    cache.coverBytes(frame, offset, decoded.length);
    this.fill(slot, decoded, offset);
    return decoded;
  }
  private special(slot: number, form: number, offset: number): void {
    const { slots } = this.cache;
    slots[slot] = form;
    slots[slot + 3] = offset;
  }

  /**
   * Takes over an immediate operand or a displacement that has changed, which generated code often does; false if anything else has. `form` is the slot's
   * own, also where a region begins.
   */
  patch({ mode, frame }: CodePage, slot: number, offset: number, form: number): boolean {
    const { slots } = this.cache;
    const view = modeView(mode, this.cpu);
    const start = (frame << 12) + offset;
    const decoded = decodeIn(view, this.memory.u8, start, (frame + 1) << 12);
    if (typeof decoded === 'number' || decoded.length !== ((slots[slot + 3]! >> 12) & 15)) return false;
    if (this.evaluateAll || formOf(decoded, view) !== form) return false;
    const fields = slotFields(decoded);
    if (slots[slot + 3]! >> 16 !== fields.segmentRegister) return false;
    if ((slots[slot]! & ~FORM_MASK) !== operandWord(fields) || decoded.operands[0]?.kind === 'relative')
      return false;
    slots[slot + 1] = fields.word1;
    slots[slot + 2] = fields.word2;
    if (!hasWordImmediate(decoded)) return true;
    this.variable.add(start);
    this.wordSlots.add(slot);
    return true;
  }
  /** The same where nothing before an immediate operand of four bytes was written, which has changed before; false if that is not so. */
  patchWord({ frame }: CodePage, slot: number, offset: number, first: number): boolean {
    const { slots } = this.cache;
    const at = offset + ((slots[slot + 3]! >> 12) & 15) - 4;
    if (first < at || !this.wordSlots.has(slot)) return false;
    slots[slot + 1] = this.memory.view.getInt32((frame << 12) + at, true);
    return true;
  }
  /** Slots of such instructions, until the cache is emptied: none is used twice before. */
  readonly wordSlots = new Set<number>();
  /** Machine addresses of instructions whose immediate operand the guest has changed. */
  readonly variable = new Set<number>();

  /** The slot of an instruction at `offset` of its page. */
  fill(slot: number, instruction: Instruction, offset: number): void {
    const view = modeView(this.cache.mode, this.cpu);
    const form = this.evaluateAll ? undefined : formOf(instruction, view);
    const { slots } = this.cache;
    const fields = slotFields(instruction);
    const isBranch = instruction.operands[0]?.kind === 'relative';
    slots[slot] = (form ?? SpecialForm.EVALUATE) | operandWord(fields);
    slots[slot + 1] = fields.word1;
    slots[slot + 2] = isBranch ? fields.word2 + offset + instruction.length : fields.word2;
    slots[slot + 3] = offset | (instruction.length << 12) | (fields.segmentRegister << 16);
    if (form === undefined) this.concrete.set(slot, { instruction, semantic: semanticOf(instruction, view) });
  }
}

function operandWord({ a, b, base, index, scale }: SlotFields): number {
  return (a << 12) | (b << 16) | (base << 20) | (index << 24) | (scale << 28);
}
