/** The instruction that is being emitted: where it stands, and where control goes from it. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Form } from '../emit/vector-lanes.js';
import type { Block } from './graph.js';
import type { Placed } from './placed.js';

/** What its region knows about an instruction's surroundings. */
export interface Surroundings {
  /** Machine addresses of the x87 and SSE instructions of the block. */
  quickMachines(node: number): readonly number[];
  form(node: number, placed: Placed, register: number): Form | undefined;
  taken(node: number, placed: Placed, to: Expression): JsStatement[];
  notTaken(node: number, placed: Placed): JsStatement[];
  way(from: number, to: number, offset: number): JsStatement[];
}

/** Somewhere in the region that an indirect jump may go. */
export interface Case {
  readonly offset: number;
  readonly go: () => JsStatement[];
}
const NO_CASES: readonly Case[] = [];

export class Position {
  readonly offset: number;
  readonly length: number;
  readonly mnemonic: string;
  /** Instructions of the block that have not completed when this one begins. */
  readonly remaining: number;
  readonly machine: number;
  /** Complete missed accesses by a call instead of leaving. */
  readonly calls: boolean;
  /** Its helper does an x87 instruction that might be emitted in place. */
  readonly helps: boolean;
  /** The last instruction of its block: control leaves or branches by itself. */
  readonly last: boolean;
  /** Block number of the return address, -1 if it is not in the region. */
  readonly continuation: number;
  /** A call whose callee follows as block, or a return from one: to be followed by `taken`, a return only if it goes to offset `back`. */
  readonly inlined: boolean;
  readonly back: number | undefined;
  private readonly region: Surroundings;
  private readonly node: number;
  private readonly block: Block;
  private readonly placed: Placed;

  constructor(
    region: Surroundings,
    node: number,
    block: Block,
    index: number,
    machine: number,
    calls: boolean,
    helps: boolean,
  ) {
    const placed = block.body[index]!;
    this.offset = placed.offset;
    this.length = placed.instruction.length;
    this.mnemonic = placed.instruction.mnemonic;
    this.remaining = block.body.length - index;
    this.machine = machine;
    this.calls = calls;
    this.helps = helps;
    this.last = this.remaining === 1;
    this.continuation = block.continuation;
    this.inlined = block.taken >= 0;
    this.back = block.back;
    this.region = region;
    this.node = node;
    this.block = block;
    this.placed = placed;
  }

  /** Machine addresses of the x87 and SSE instructions of the block. */
  get quick(): readonly number[] {
    return this.region.quickMachines(this.node);
  }
  /** How the instructions that follow use what an XMM register is loaded with. */
  form(register: number): Form | undefined {
    return this.region.form(this.node, this.placed, register);
  }
  /** Direct branch: its two ways. */
  taken(to: Expression): JsStatement[] {
    return this.region.taken(this.node, this.placed, to);
  }
  notTaken(): JsStatement[] {
    return this.region.notTaken(this.node, this.placed);
  }
  /** Indirect jump or call: offsets that are in the region. */
  get cases(): readonly Case[] {
    const { block, region, node } = this;
    if (block.cases.length === 0) return NO_CASES;
    return block.cases.map(({ offset, node: to }) => ({ offset, go: () => region.way(node, to, offset) }));
  }
}
