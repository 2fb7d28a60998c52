/** Finds the blocks of a region: what is reachable by direct branches from its entry through code that has been seen running. */
import type { Instruction } from '../../decoder/instruction.js';
import type { ModeView } from '../builder.js';
import { decodeIn } from '../mode-view.js';
import type { CodeBytes, KnownRegion } from './code-bytes.js';
import { pageBit } from './links.js';
import {
  after,
  CONTEXT,
  contextOf,
  endsBlock,
  isConditional,
  isDirect,
  isLeftOut,
  isWayOut,
  keyAfter,
  targetOf,
  weightOf,
  type Placed,
} from './placed.js';
import type { FlowGraph } from './structure.js';

/** Instructions that a callee may have to be inlined. */
const LEAF = 16;
/** What the regions that one takes in may weigh together: each is compiled again, and what they were left and entered for becomes branches. */
const ABSORBED = 240;
/** What a region may weigh that takes in others because it was often left for them. */
export const JOINED = 400;
/** Scanned callees that are not to be inlined. */
const NOT_A_LEAF = -1;
export interface Block {
  readonly start: number;
  readonly body: Placed[];
  /** Block number of the taken direct branch, -1 if it leaves. */
  taken: number;
  /** Block number that is fallen into, -1 if it leaves or there is none. */
  next: number;
  /** Block number where control comes back after a call or a left-out instruction, -1 if none. */
  continuation: number;
  /** Ends in an indirect jump or call or in a return: where it is known to go inside the region, by offset. */
  readonly cases: { readonly offset: number; readonly node: number }[];
  /** Ends in the return of an inlined callee: the offset that it must come back to for `taken` to follow. */
  readonly back: number | undefined;
}

export interface GraphOptions {
  /** What the region may weigh, apart from others that it takes in. */
  readonly limit: number;
  /** Regions that are not to be taken in. */
  readonly apart?: ReadonlySet<object>;
  /** The region that is made again. */
  readonly again?: KnownRegion | undefined;
  /** Another entry, if the region comes to it. */
  readonly also?: number | undefined;
}

/** What a region may still weigh: by other regions that it takes in, and in all. */
interface Room {
  left: number;
  limit: number;
}

export class RegionGraph implements FlowGraph {
  readonly blocks: Block[] = [];
  readonly entries: number[] = [];
  /** Frames by page number relative to the entry's page. */
  readonly frames = new Map<number, number>();
  readonly instructionCount: number;
  /** Regions whose code is in this one. */
  readonly absorbed = new Map<object, KnownRegion>();
  /** Emitted code in ordinary instructions. */
  weight = 0;
  /** By key, as leaders and block numbers. */
  private readonly placed = new Map<number, Placed>();
  /** By context: the offset that its callee returns to. */
  private readonly returns = new Map<number, number>();
  /** By key of a call: the contexts of callees that are inlined, by their offsets. */
  private readonly contexts = new Map<number, Map<number, number>>();
  /** Calls of blocks in this region: key of the callee → offsets that they come back to. */
  private readonly localCalls = new Map<number, Set<number>>();
  /** Targets of indirect jumps. */
  private readonly jumpTargets = new Set<number>();
  /** Instructions of callees by offset, NOT_A_LEAF for those that are not inlined. */
  private readonly leaves = new Map<number, number>();
  private readonly leaders = new Set<number>();
  private readonly entryOffsets = new Set<number>();
  private readonly numbers = new Map<number, number>();
  private readonly code: CodeBytes;
  private readonly mode: ModeView;
  private readonly apart: ReadonlySet<object>;
  /** What was part of a region before is part of this one before anything new: what is left out of it would soon be translated again. */
  private readonly known: KnownRegion[] = [];
  private readonly work: number[] = [];
  private readonly later: number[] = [];

  constructor(entry: number, code: CodeBytes, mode: ModeView, { limit, apart, again, also }: GraphOptions) {
    this.apart = apart ?? new Set();
    this.code = code;
    this.mode = mode;
    this.work.push(entry);
    this.leaders.add(entry);
    this.entryOffsets.add(entry);
    if (again) this.adopt(again);
    if (also !== undefined) {
      this.leaders.add(also);
      this.entryOffsets.add(also);
    }
    this.explore(entry, limit);
    this.instructionCount = this.placed.size;
    if (!this.placed.has(entry)) return;
    this.cut(entry);
    for (const offset of this.entryOffsets) {
      const number = this.numbers.get(offset);
      if (number !== undefined) this.entries.push(number);
    }
    this.addLoopEntries();
  }

  /** Whether the instruction at the offset begins a block of it. */
  has(offset: number): boolean {
    return this.numbers.has(offset);
  }

  /** Regions of which only a part could be taken in: some of their entries are not reached from this one's. */
  get incomplete(): readonly object[] {
    return [...this.absorbed.values()]
      .filter(({ entries }) => !entries.every((offset) => this.numbers.has(offset)))
      .map(({ identity }) => identity);
  }
  get size(): number {
    return this.blocks.length;
  }
  successors(node: number): readonly number[] {
    const { taken, next, cases } = this.blocks[node]!;
    if (cases.length > 0) return [...new Set(cases.map((c) => c.node))];
    if (taken >= 0 && next >= 0) return taken === next ? [taken] : [next, taken];
    return taken >= 0 ? [taken] : next >= 0 ? [next] : [];
  }
  continuations(node: number): readonly number[] {
    const { continuation } = this.blocks[node]!;
    return continuation >= 0 ? [continuation] : [];
  }

  /** The pages that a block lies on. */
  pagesOf(node: number): number {
    const known = this.pageSets[node];
    if (known !== undefined) return known;
    this.pageOrder ??= [...this.frames.keys()];
    let pages = 0;
    let last = NaN;
    for (const { offset, instruction } of this.blocks[node]!.body) {
      for (let page = offset >> 12; page <= (offset + instruction.length - 1) >> 12; page++) {
        if (page !== last) pages |= pageBit(this.pageOrder.indexOf(page));
        last = page;
      }
    }
    this.pageSets[node] = pages;
    return pages;
  }
  private readonly pageSets: number[] = [];
  private pageOrder: number[] | undefined = undefined;

  private frameAt(page: number): number {
    let frame = this.frames.get(page);
    if (frame === undefined) {
      frame = this.code.frame(page);
      if (frame >= 0) this.frames.set(page, frame);
    }
    return frame;
  }

  /** A 16-bit operand size truncates the target; then where it lies depends on where the page lies, and 16-bit code is tied to its page's place. */
  isTruncated(p: Placed): boolean {
    if (p.instruction.operandSize !== 16) return false;
    const target = (this.code.pageEip + targetOf(p)) >>> 0;
    return this.mode.codeSize === 32 || target > 0xffff;
  }

  private readonly crossing = new Uint8Array(15);
  private decodeAt(offset: number): Instruction | undefined {
    const frame = this.frameAt(offset >> 12);
    if (frame < 0) return undefined;
    const { memory } = this.code;
    const start = (frame << 12) | (offset & 4095);
    const inPage = decodeIn(this.mode, memory, start, (frame + 1) << 12);
    if (typeof inPage === 'object') return inPage;
    const left = 4096 - (offset & 4095);
    if (left >= 15) return undefined;
    const second = this.code.frame((offset >> 12) + 1);
    if (second < 0) return undefined;
    this.crossing.set(memory.subarray(start, start + left));
    this.crossing.set(memory.subarray(second << 12, (second << 12) + 15 - left), left);
    const across = decodeIn(this.mode, this.crossing, 0, 15);
    if (typeof across !== 'object' || across.length <= left) return undefined;
    this.frames.set((offset >> 12) + 1, second);
    return across;
  }

  private explore(entry: number, limit: number): void {
    // What is taken in has room of its own.
    const room: Room = { left: ABSORBED, limit };
    for (;;) {
      let key = this.work.shift() ?? this.later.shift();
      if (key === undefined) return;
      const context = Math.round(key / CONTEXT) * CONTEXT;
      for (;;) {
        const offset = key - context;
        if (this.placed.has(key)) break;
        if (context === 0 && !this.hasRoom(offset, offset === entry, room)) break;
        const instruction = this.decodeAt(offset);
        if (instruction === undefined || (isLeftOut(instruction) && offset === entry)) break;
        const placed = { offset, instruction, key };
        this.placed.set(key, placed);
        this.weight += weightOf(instruction);
        if (!this.ways(placed)) break;
        key = keyAfter(placed);
      }
    }
  }
  /** Where an indirect jump or call has gone often. */
  private knownTargets(p: Placed): readonly number[] {
    if (isDirect(p.instruction) || p.instruction.operandSize === 16 || contextOf(p) !== 0) return [];
    return this.code.targets(p.offset).map((delta) => p.offset + delta);
  }
  /** Whether the code there belongs to the region: there is room for it, or it is wanted with the region that it is in. */
  private hasRoom(offset: number, isEntry: boolean, room: Room): boolean {
    const asks = this.weight < room.limit || this.code.wanted(offset);
    return asks && (isEntry || !this.isOthers(offset, room)) && this.weight < room.limit;
  }
  /** Whether the code there stays another region's. One that is small enough is taken in, with all of its entries. */
  private isOthers(offset: number, room: Room): boolean {
    const region = this.code.region(offset);
    if (region === undefined || this.absorbed.has(region.identity)) return false;
    // What an indirect jump leads to became regions only because nothing else led there.
    const left = this.code.wanted(offset) ? Math.max(room.left, JOINED - room.limit) : room.left;
    if (region.weight > left || this.apart.has(region.identity)) return !this.jumpTargets.has(offset);
    this.absorbed.set(region.identity, region);
    room.left -= region.weight;
    room.limit += region.weight;
    this.adopt(region);
    return false;
  }
  private adopt(region: KnownRegion): void {
    this.known.push(region);
    for (const offset of region.entries) {
      this.leaders.add(offset);
      this.entryOffsets.add(offset);
    }
    this.work.unshift(...region.entries);
  }
  private isKnown(offset: number): boolean {
    if (this.known.length === 0) return false;
    const frame = this.frameAt(offset >> 12);
    return frame >= 0 && this.known.some((region) => region.covers((frame << 12) | (offset & 4095)));
  }
  /** Queues what an instruction leads to; true if the next instruction belongs to the same block. */
  private ways(p: Placed): boolean {
    const i = p.instruction;
    const context = contextOf(p);
    const lead = (offset: number): void => {
      if (!this.code.seen(offset)) return;
      this.leaders.add(context + offset);
      (this.isKnown(offset) ? this.work : this.later).push(context + offset);
    };
    if (i.mnemonic === 'CALL' || isWayOut(i)) {
      const inlines = this.callees(p).length > 0;
      // What follows an inlined direct call is reached by its return alone.
      if (this.code.seen(after(p)) && !(inlines && isDirect(i))) this.entryOffsets.add(after(p));
      lead(after(p));
      if (inlines) this.inline(p);
      else if (this.isLocal(p) && this.isToBeJoined(targetOf(p))) this.work.unshift(targetOf(p));
      return false;
    }
    if (i.mnemonic === 'JMP' && !isDirect(i)) {
      for (const offset of this.knownTargets(p)) {
        this.jumpTargets.add(offset);
        lead(offset);
      }
    }
    if (i.mnemonic === 'RET' || (i.mnemonic === 'JMP' && !isDirect(i))) return false;
    if (i.mnemonic === 'JMP' || isConditional(i)) {
      if (!this.isTruncated(p) && this.goesOften(p, targetOf(p))) lead(targetOf(p));
      if (i.mnemonic !== 'JMP' && this.goesOften(p, after(p))) lead(after(p));
      return false;
    }
    return true;
  }

  /** Whether a branch goes there so often that the code there is to be part of the region; only 32-bit conditional jumps are counted. */
  private goesOften(p: Placed, to: number): boolean {
    const { mnemonic, operandSize } = p.instruction;
    if (mnemonic !== 'JCC' || operandSize !== 32 || this.isKnown(to)) return true;
    return this.code.wanted(to) || this.code.often(p.offset, to, to === targetOf(p));
  }
  /** A callee that is a region, and called often enough to become part of this one, as far as there is room. */
  private isToBeJoined(offset: number): boolean {
    return this.code.wanted(offset) && this.code.region(offset) !== undefined;
  }

  /** Callees of a call that are short, call nothing and have no loop. */
  private callees(p: Placed): number[] {
    const { mnemonic } = p.instruction;
    if (mnemonic !== 'CALL' || contextOf(p) !== 0 || !this.code.seen(after(p))) return [];
    if (!isDirect(p.instruction)) return this.knownTargets(p).filter((offset) => this.isLeaf(offset));
    return !this.isTruncated(p) && this.isLeaf(targetOf(p)) ? [targetOf(p)] : [];
  }
  private isLeaf(target: number): boolean {
    let size = this.leaves.get(target);
    if (size === undefined) {
      size = this.leafSize(target);
      this.leaves.set(target, size);
    }
    return size > 0;
  }
  private inline(p: Placed): void {
    const contexts = new Map<number, number>();
    this.contexts.set(p.key, contexts);
    for (const target of this.callees(p)) {
      const context = (this.returns.size + 1) * CONTEXT;
      this.returns.set(context, after(p));
      contexts.set(target, context);
      this.leaders.add(context + target);
      // At once: a callee that the region's limit cuts would be a way out in the middle of a call.
      this.work.unshift(context + target);
    }
  }
  private leafSize(target: number): number {
    const seen = new Set<number>();
    const work = [target];
    for (let offset = work.pop(); offset !== undefined; offset = work.pop()) {
      if (seen.has(offset)) continue;
      if (seen.size === LEAF || !this.code.seen(offset)) return NOT_A_LEAF;
      seen.add(offset);
      const instruction = this.decodeAt(offset);
      if (instruction === undefined) return NOT_A_LEAF;
      const placed = { offset, instruction, key: offset };
      if (instruction.mnemonic === 'RET') {
        if (instruction.operandSize === 16) return NOT_A_LEAF;
        continue;
      }
      if (!endsBlock(instruction)) work.push(after(placed));
      else if ((instruction.mnemonic === 'JMP' && isDirect(instruction)) || isConditional(instruction)) {
        // An edge that was hardly ever taken is a way out, as in any block.
        for (const to of [targetOf(placed), after(placed)]) {
          if (this.isTruncated(placed) || (to <= offset && to === targetOf(placed))) return NOT_A_LEAF;
          if (instruction.mnemonic === 'JMP' && to !== targetOf(placed)) continue;
          if (this.code.seen(to) && this.goesOften(placed, to)) work.push(to);
        }
      } else return NOT_A_LEAF;
    }
    return seen.size;
  }

  private cut(entry: number): void {
    const starts = [entry, ...[...this.leaders].filter((o) => o !== entry).sort((a, b) => a - b)].filter(
      (o) => this.placed.has(o),
    );
    starts.forEach((start, n) => this.numbers.set(start, n));
    const number = (key: number): number => this.numbers.get(key) ?? -1;
    for (const start of starts) {
      const body: Placed[] = [];
      for (let p = this.placed.get(start); p; p = this.placed.get(keyAfter(p))) {
        if (p.key !== start && this.leaders.has(p.key)) break;
        body.push(p);
        if (endsBlock(p.instruction)) break;
      }
      this.blocks.push(this.connect(body, number));
    }
    for (const [callee, returns] of this.localCalls) this.addReturns(number(callee), returns);
    this.dropUnreachable();
  }
  /** The returns of a callee in this region go to where its calls come back to. */
  private addReturns(callee: number, returns: ReadonlySet<number>): void {
    const reached = new Set<number>([callee]);
    for (const node of reached) {
      const { body, cases, continuation } = this.blocks[node]!;
      const last = body[body.length - 1]!;
      if (last.instruction.mnemonic === 'RET' && contextOf(last) === 0) {
        for (const offset of returns) {
          const back = this.numbers.get(offset);
          if (back !== undefined && !cases.some((c) => c.offset === offset))
            cases.push({ offset, node: back });
        }
      } else if (continuation >= 0) reached.add(continuation);
      else for (const next of this.successors(node)) reached.add(next);
    }
  }
  /** A near call that may go to a block of this region, as recursion does. */
  private isLocal(p: Placed): boolean {
    const { mnemonic, operandSize } = p.instruction;
    return mnemonic === 'CALL' && isDirect(p.instruction) && operandSize === 32 && contextOf(p) === 0;
  }
  private connect(body: Placed[], number: (key: number) => number): Block {
    const last = body[body.length - 1]!;
    const i = last.instruction;
    const context = contextOf(last);
    const back = i.mnemonic === 'RET' ? this.returns.get(context) : undefined;
    const cases = this.cases(last, number);
    const block: Block = { start: body[0]!.offset, body, taken: -1, next: -1, continuation: -1, cases, back };
    if (i.mnemonic === 'CALL' || isWayOut(i)) {
      const callee = isDirect(i) && this.contexts.get(last.key)?.get(targetOf(last));
      if (typeof callee === 'number') block.taken = number(callee + targetOf(last));
      else block.continuation = number(context + after(last));
      if (callee === undefined && block.continuation >= 0 && this.isLocal(last)) {
        block.taken = number(targetOf(last));
        if (block.taken >= 0) this.noteLocalCall(targetOf(last), after(last));
      }
    } else if (i.mnemonic === 'RET') {
      if (back !== undefined) block.taken = number(back);
    } else if (i.mnemonic === 'JMP')
      block.taken = isDirect(i) && !this.isTruncated(last) ? number(context + targetOf(last)) : -1;
    else if (isConditional(i)) {
      block.taken = this.isTruncated(last) ? -1 : number(context + targetOf(last));
      block.next = number(context + after(last));
    } else block.next = number(context + after(last));
    return block;
  }
  private noteLocalCall(callee: number, back: number): void {
    const returns = this.localCalls.get(callee);
    if (returns) returns.add(back);
    else this.localCalls.set(callee, new Set([back]));
  }
  private cases(last: Placed, number: (key: number) => number): { offset: number; node: number }[] {
    const { mnemonic } = last.instruction;
    if (isDirect(last.instruction) || (mnemonic !== 'JMP' && mnemonic !== 'CALL')) return [];
    const contexts = this.contexts.get(last.key);
    return this.knownTargets(last)
      .map((offset) => {
        const context = mnemonic === 'JMP' ? 0 : contexts?.get(offset);
        return { offset, node: context === undefined ? -1 : number(context + offset) };
      })
      .filter(({ node }) => node >= 0);
  }
  /** Limits may have cut what leads to a block. */
  private dropUnreachable(): void {
    const reached = new Set<number>([0]);
    for (const node of reached)
      for (const next of [...this.successors(node), ...this.continuations(node)]) reached.add(next);
    const renumber = new Map<number, number>();
    const kept = this.blocks.filter((_, n) => reached.has(n) && renumber.set(n, renumber.size));
    const to = (n: number): number => (n < 0 ? -1 : renumber.get(n)!);
    this.numbers.clear();
    this.blocks.length = 0;
    for (const b of kept) {
      this.numbers.set(b.body[0]!.key, this.blocks.length);
      const cases = b.cases.map((c) => ({ ...c, node: to(c.node) }));
      this.blocks.push({
        ...b,
        cases,
        taken: to(b.taken),
        next: to(b.next),
        continuation: to(b.continuation),
      });
    }
  }

  /** Not part of an inlined callee. */
  private isPlain(node: number): boolean {
    const first = this.blocks[node]!.body[0]!;
    return first.key === first.offset;
  }

  /** Loop heads are entries too: that is where a region is left and entered again when the budget runs out. */
  private addLoopEntries(): void {
    const state = new Uint8Array(this.size);
    const heads = new Set(this.entries);
    const visit = (node: number): void => {
      state[node] = 1;
      for (const next of [...this.successors(node), ...this.continuations(node)]) {
        if (state[next] === 1 && this.successors(node).includes(next) && this.isPlain(next)) heads.add(next);
        else if (state[next] === 0) visit(next);
      }
      state[node] = 2;
    };
    visit(0);
    this.entries.length = 0;
    this.entries.push(...heads);
  }
}
