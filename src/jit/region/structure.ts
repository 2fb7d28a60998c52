/**
 * Structured control flow for a region's graph: nested labelled blocks and loops laid out along the dominator tree (N. Ramsey, "Beyond Relooper", ICFP 2022),
 * with several entries by a skip chain down that tree. Knows graphs, not instructions.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import { block, breakTo, continueTo, js, labelled, statements } from '../emit/quote.js';

export interface FlowGraph {
  readonly size: number;
  /** Branch targets inside the region. */
  successors(node: number): readonly number[];
  /** Where control comes back by an entry (after a call): laid out behind the node, never branched to. */
  continuations(node: number): readonly number[];
  /** Nodes that the dispatcher may enter; node 0 always is one. */
  readonly entries: readonly number[];
}

export interface BlockEmitter {
  /** Code of a node; ends by calling `branch` of the layout for each way out. `inherited`: reached from its only predecessor alone. */
  emit(node: number, inherited: boolean): JsStatement[];
  /** Test at a loop header, or before control goes there from the top, that leaves when the budget is short. */
  loopCheck(node: number, isHead: boolean): JsStatement[];
  /**
   * A loop may begin with what holds for several iterations. `nodes` are those of its shortest way round, from its head to the one that goes back; `always`: every
   * iteration comes through it. Undefined: no.
   */
  prepareLoop(nodes: readonly number[], always: (node: number) => boolean): PreparedLoop | undefined;
  /** Code for the dispatcher's way into a node. */
  enter(node: number): JsStatement[];
  /** Leaves the region for a node of it (an irreducible edge). */
  leaveTo(node: number): JsStatement[];
}

export interface PreparedLoop {
  readonly before: JsStatement[];
  /** Whether to prepare again. */
  readonly ended: Expression;
}

const lists = (count: number): number[][] => {
  const out: number[][] = [];
  for (let i = 0; i < count; i++) out.push([]);
  return out;
};

export class Layout {
  /** Value of `pc` that enters at a node; 0 for node 0. */
  readonly entryCode: number[];
  /** All nodes: each behind those before it on forward ways. */
  readonly order: number[] = [];
  private readonly position: number[];
  private readonly dominator: number[];
  private readonly children: number[][];
  private readonly first: number[];
  private readonly last: number[];
  private readonly isLoop: boolean[];
  private readonly follows: boolean[];
  private readonly hasEntryBelow: boolean[];
  private readonly isEntry: boolean[];
  /** Of prepared loops: the node that goes straight back to the head. */
  private readonly latch: number[];
  private readonly predecessors: number[][];
  private comesAgain = false;
  private readonly graph: FlowGraph;
  /** Successors of each node, and its continuations. */
  private readonly ways: (readonly number[])[] = [];
  private readonly after: (readonly number[])[] = [];
  private readonly emitter: BlockEmitter;

  constructor(graph: FlowGraph, emitter: BlockEmitter) {
    this.graph = graph;
    this.emitter = emitter;
    const n = graph.size;
    const flags = (): boolean[] => new Array<boolean>(n).fill(false);
    this.position = new Array<number>(n).fill(-1);
    this.latch = new Array<number>(n).fill(-1);
    this.predecessors = lists(n);
    for (let node = 0; node < n; node++) {
      this.ways.push(graph.successors(node));
      this.after.push(graph.continuations(node));
    }
    this.orderNodes();
    this.dominator = this.findDominators();
    this.children = lists(n);
    for (const node of this.order) if (node !== 0) this.children[this.dominator[node]!]!.push(node);
    this.first = new Array<number>(n).fill(0);
    this.last = new Array<number>(n).fill(0);
    this.number(0, 1);
    this.isLoop = flags();
    this.follows = flags();
    this.hasEntryBelow = flags();
    this.isEntry = flags();
    this.entryCode = this.first.map((code, node) => (node === 0 ? 0 : code));
    this.classify();
  }

  private orderNodes(): void {
    this.visit(0, new Uint8Array(this.graph.size));
    this.order.reverse();
    for (let i = 0; i < this.order.length; i++) this.position[this.order[i]!] = i;
  }
  /** Depth first; leaves the nodes in `order` as they are left. */
  private visit(node: number, seen: Uint8Array): void {
    seen[node] = 1;
    for (const next of this.ways[node]!) if (seen[next] === 0) this.visit(next, seen);
    for (const next of this.after[node]!) if (seen[next] === 0) this.visit(next, seen);
    this.order.push(node);
  }

  /** Immediate dominators (Cooper, Harvey, Kennedy). */
  private findDominators(): number[] {
    const { order, position, predecessors } = this;
    for (const node of order) {
      for (const next of this.ways[node]!) predecessors[next]!.push(node);
      for (const next of this.after[node]!) predecessors[next]!.push(node);
    }
    const idom = new Array<number>(this.graph.size).fill(-1);
    idom[0] = 0;
    const meet = (a: number, b: number): number => {
      while (a !== b) {
        while (position[a]! > position[b]!) a = idom[a]!;
        while (position[b]! > position[a]!) b = idom[b]!;
      }
      return a;
    };
    for (let changed = true; changed;) {
      changed = false;
      for (const node of order) {
        if (node === 0) continue;
        let best = -1;
        for (const p of predecessors[node]!) if (idom[p] !== -1) best = best === -1 ? p : meet(p, best);
        if (idom[node] !== best) {
          idom[node] = best;
          changed = true;
        }
      }
    }
    return idom;
  }

  /** Preorder numbers of the dominator tree: a subtree is an interval. */
  private number(node: number, next: number): number {
    this.first[node] = next++;
    for (const child of this.children[node]!) next = this.number(child, next);
    this.last[node] = next - 1;
    return next;
  }
  private dominates(a: number, b: number): boolean {
    return this.first[a]! <= this.first[b]! && this.first[b]! <= this.last[a]!;
  }
  isBackward(from: number, to: number): boolean {
    return this.position[to]! <= this.position[from]!;
  }

  private classify(): void {
    const forward = new Array<number>(this.graph.size).fill(0);
    for (const node of this.order) {
      for (const next of this.ways[node]!) {
        if (!this.isBackward(node, next)) forward[next]!++;
        else if (this.dominates(next, node)) this.isLoop[next] = true;
      }
      for (const next of this.after[node]!) if (!this.isBackward(node, next)) this.follows[next] = true;
    }
    for (const node of this.order) if (forward[node]! !== 1) this.follows[node] = true;
    for (const entry of this.graph.entries) {
      this.isEntry[entry] = true;
      this.follows[entry] = true;
      for (let node = entry; node !== 0;) {
        this.follows[node] = true;
        node = this.dominator[node]!;
        this.hasEntryBelow[node] = true;
      }
    }
  }

  /** The whole region; every path ends in a jump. */
  emit(): JsStatement[] {
    const enter = this.emitter.enter(0);
    const first = enter.length > 0 ? statements`if (pc === 0) { ${enter} }` : [];
    const body = [...first, ...this.tree(0, false)];
    return this.comesAgain ? [labelled('REGION', statements`for (;;) { ${body} }`[0]!)] : body;
  }

  private tree(node: number, inherited: boolean): JsStatement[] {
    const prepared = this.isLoop[node] ? this.prepare(node) : undefined;
    const inner = this.within(node, inherited && !this.isLoop[node], prepared);
    if (!this.isLoop[node]) return inner;
    let loop = statements`for (;;) { ${inner} }`[0]!;
    if (prepared !== undefined)
      loop =
        statements`for (;;) { ${this.emitter.loopCheck(node, true)}; ${prepared.before}; ${labelled(`P${node}`, loop)} }`[0]!;
    return [...(this.hasEntryBelow[node] ? [] : this.skipChain(node)), labelled(`L${node}`, loop)];
  }
  /** Finds the shortest way round a loop and lets it be prepared, if there is no other loop on it. */
  private prepare(head: number): PreparedLoop | undefined {
    if (this.hasEntryBelow[head]) return undefined;
    const ways = this.predecessors[head]!.filter((p) => this.isBackward(p, head)).map((p) =>
      this.wayRound(head, p),
    );
    ways.sort((a, b) => a.length - b.length);
    const nodes = ways[0]!;
    if (nodes.slice(1).some((node) => this.isLoop[node])) return undefined;
    const latch = nodes.at(-1)!;
    const prepared = this.emitter.prepareLoop(nodes, (node) => this.dominates(node, latch));
    if (prepared !== undefined) this.latch[head] = latch;
    return prepared;
  }
  /** The nodes from which `latch` is reached without going through `head`, in order. */
  private wayRound(head: number, latch: number): number[] {
    const nodes = new Set([head, latch]);
    const open = latch === head ? [] : [latch];
    while (open.length > 0) {
      for (const p of this.predecessors[open.pop()!]!) {
        if (nodes.has(p)) continue;
        nodes.add(p);
        open.push(p);
      }
    }
    return [...nodes].sort((a, b) => this.position[a]! - this.position[b]!);
  }
  private within(node: number, inherited: boolean, prepared?: PreparedLoop): JsStatement[] {
    // An entry at a loop's head is dealt with before the loop, unless others lie inside.
    let code = this.isLoop[node] && !this.hasEntryBelow[node] ? [] : this.skipChain(node);
    if (prepared) code.push(...statements`if (${prepared.ended}) { ${breakTo(`P${node}`)} }`);
    else if (this.isLoop[node]) code.push(...this.emitter.loopCheck(node, true));
    code.push(...this.emitter.emit(node, inherited && !this.isEntry[node]));
    for (const child of this.following(node)) {
      const way: JsStatement[] = [labelled(`B${child}`, block(code))];
      way.push(...this.tree(child, false));
      code = way;
    }
    return code;
  }
  /** The children that are laid out behind their parent, in order. */
  private following(node: number): readonly number[] {
    const following: number[] = [];
    for (const child of this.children[node]!) if (this.follows[child]) following.push(child);
    return following.length < 2 ? following : following.sort((a, b) => this.position[a]! - this.position[b]!);
  }

  /** Leads an entry from above down to its node. */
  private skipChain(node: number): JsStatement[] {
    if (!this.hasEntryBelow[node] && !(this.isEntry[node] && node !== 0)) return [];
    const ways: JsStatement[] = [];
    // Nothing else can be meant where there is no entry below.
    const own = this.hasEntryBelow[node] ? js`pc === ${this.entryCode[node]!}` : undefined;
    if (this.isEntry[node] && node !== 0)
      ways.push(
        ...(own
          ? statements`if (${own}) { pc = 0; ${this.emitter.enter(node)} }`
          : statements`pc = 0; ${this.emitter.enter(node)}`),
      );
    const jumps: JsStatement[] = [];
    for (const child of this.children[node]!) {
      if (!this.hasEntryBelow[child] && !this.isEntry[child]) continue;
      const jump = breakTo(`B${child}`);
      jumps.push(...statements`if (pc >= ${this.first[child]!} && pc <= ${this.last[child]!}) { ${jump} }`);
    }
    return statements`if (pc !== 0) { ${ways}; ${jumps} }`;
  }

  /** Whether `to` is reached from `from` alone and lies inside its code. */
  inherits(from: number, to: number): boolean {
    return !this.isBackward(from, to) && !this.follows[to] && !this.isLoop[to] && !this.isEntry[to];
  }

  /** Whether it is reached without going through `enter` or leaving. */
  staysInside(from: number, to: number): boolean {
    return !this.isBackward(from, to) || this.dominates(to, from);
  }

  /** Goes from one node to another. */
  branch(from: number, to: number): JsStatement[] {
    if (this.isBackward(from, to)) {
      if (this.dominates(to, from)) return [continueTo(this.latch[to] === from ? `P${to}` : `L${to}`)];
      return this.isEntry[to] ? this.again(to) : this.emitter.leaveTo(to);
    }
    return this.follows[to] ? [breakTo(`B${to}`)] : this.tree(to, true);
  }

  /** From the top, as the dispatcher would. */
  private again(to: number): JsStatement[] {
    this.comesAgain = true;
    const code = this.entryCode[to]!;
    return [...this.emitter.loopCheck(to, false), ...statements`pc = ${code};`, continueTo('REGION')];
  }
}
