/** Graph → region function: the passes, the emission of blocks inside the layout, prologue and exits. */
import type { Expression, Statement as JsStatement } from 'estree';
import { Emitter } from '../emit/emitter.js';
import type { KnownFlags } from '../emit/flags.js';
import { isFloating, isInlineX87 } from '../emit/vector.js';
import {
  declarations,
  type LaneCache,
  NOTHING_EXPECTED,
  settleMarked,
  type Expected,
} from '../emit/lane-cache.js';
import { findExpected, type Edge } from './lane-flow.js';
import { formOf } from './lane-forms.js';
import type { Form } from '../emit/vector-lanes.js';
import type { X87State } from '../emit/x87-state.js';
import { blockOf } from '../emit/nodes.js';
import { block, js, labelled, statements } from '../emit/quote.js';
import type { ModeView } from '../builder.js';
import { groupAccesses, type BlockTree, type TreeInstruction } from '../passes/group-accesses.js';
import type { Semantic, Statement } from '../ir.js';
import type { Instruction } from '../../decoder/instruction.js';
import { removeDeadFlags } from '../passes/dead-flags.js';
import { removeDeadLanes } from '../passes/dead-lanes.js';
import { removeDeadValues } from '../passes/dead-values.js';
import { semanticOf } from '../semantics/index.js';
import { R_BUDGET, R_EIP } from '../../runtime/state.js';
import { NotInSubset, type AsmLayout } from './asm-printer.js';
import { unchargedAt } from './charges.js';
import { compile, compileAhead, type CompiledSource } from './compile.js';
import type { Block, RegionGraph } from './graph.js';
import { after, isDirect, isLeftOut, targetOf, type Placed } from './placed.js';
import { Position, type Surroundings } from './position.js';
import { GPR_NAMES, RegionTarget } from './region-target.js';
import type { Site } from './sites.js';
import { findX87States, type X87Way } from './x87-flow.js';
import { prepareLoop, type Loop } from './loop-preparation.js';
import { Layout, type BlockEmitter, type PreparedLoop } from './structure.js';

/**
 * `(pc, vb, pages)`: entry code, the offset in CS of the region's page, and the pages that it may go to. State is in `cpu` before and after. Returns why it was left: 0 to go on at r[R_EIP],
 * the number of a site whose entry tells r[R_EIP] and corrects r[R_BUDGET], or -k to call from call site k - 1 what is at r[R_EIP].
 */
export type RegionFunction = (pc: number, pageEip: number, pages: number) => number;

/** Value of `pc` that enters at a block, and the pages that it lies on. */
export interface WayIn {
  readonly code: number;
  readonly needs: number;
}

export interface Translation {
  readonly code: CompiledSource;
  /** Compiled ahead of time. */
  readonly ahead: boolean;
  readonly sites: readonly Site[];
  /** Calls and indirect jumps: offset of the return address relative to the page, its entry code (-1 if it is not in the region) and pages, and see `Call`. */
  readonly calls: readonly {
    readonly back: number;
    readonly code: number;
    readonly needs: number;
    readonly at: number;
    readonly machine: number;
    readonly direct: boolean;
  }[];
  /** By offset relative to the page. */
  readonly entries: ReadonlyMap<number, WayIn>;
  /** Budget that must be there at entry. */
  readonly longest: number;
  readonly instructions: number;
  /** Emitted code in ordinary instructions. */
  readonly weight: number;
}

export interface TranslationOptions {
  readonly mode: ModeView;
  readonly name: string;
  /** Where the machine's state lies, if regions are to be compiled ahead of time. */
  readonly ahead?: AsmLayout | undefined;
  /** The x87 control word is the usual one. */
  readonly inlinesX87: boolean;
  /** PE is not known to be set in MXCSR. */
  readonly precise: boolean;
  /** IE, OE and PE are set in MXCSR and all exceptions masked. */
  readonly special: boolean;
  /** Whether the block that begins at a machine address may expect something of XMM registers. */
  expects(machine: number): boolean;
  /** Whether the accesses of the instruction at a machine address are completed by calls. */
  calls(machine: number): boolean;
  /** Whether an x87 instruction at a machine address is its helper's. */
  helps(machine: number): boolean;
  /** Whether the instruction at a machine address ends in an immediate operand of four bytes that changes. */
  variable(machine: number, instruction: Instruction): boolean;
  /** Whether they are checked by themselves, because a check for several has failed often. */
  alone(machine: number): boolean;
}

class RegionEmitter implements BlockEmitter, Surroundings {
  readonly target: RegionTarget;
  private readonly emitter: Emitter;
  /** No instruction has a short way by vector registers or the x87 unit's. */
  private readonly idle: boolean;
  private readonly graph: RegionGraph;
  private readonly options: TranslationOptions;
  layout!: Layout;
  /** By block: see `unchargedAt`. */
  uncharged!: Int32Array;
  private edgeKnown: KnownFlags | undefined = undefined;
  private edgeLanes: LaneCache | undefined = undefined;
  private serial = 0;
  /** Per block that begins without an inheritance: what it expects. */
  private readonly expected: ReadonlyMap<number, Expected>;
  /** The last such block. */
  private origin = 0;
  readonly edges: Edge[] = [];
  readonly wants = new Map<number, ReadonlySet<number>>();
  private readonly prepared: (readonly Semantic[])[] = [];
  /** By block. */
  private readonly x87: readonly (X87State | undefined)[];
  /** Heads of loops whose accesses have been grouped before they are emitted. */
  private readonly grouped = new Set<number>();

  constructor(graph: RegionGraph, options: TranslationOptions, expected: ReadonlyMap<number, Expected>) {
    this.graph = graph;
    this.options = options;
    this.expected = expected;
    this.idle = !graph.blocks.some(({ body }) => body.some((p) => isFloating(p.instruction)));
    this.target = new RegionTarget(graph.instructionCount, options, this.idle);
    this.target.isPlain = this.idle;
    this.x87 = this.x87States();
    this.emitter = new Emitter(this.target);
  }

  emit(node: number, inherited: boolean): JsStatement[] {
    const current = this.graph.blocks[node]!;
    this.emitter.known = inherited ? this.edgeKnown : undefined;
    if (inherited) this.target.vectors.restore(this.edgeLanes!);
    else this.begin(node);
    if (!inherited && !this.grouped.delete(node)) this.group(node);
    const semantics = this.semantics(node);
    this.target.budget.uncharged = this.uncharged[node]! + current.body.length;
    const out: JsStatement[] = [];
    for (let i = 0; i < current.body.length; i++) this.instruction(node, current, i, semantics[i]!, out);
    return [blockOf(this.target.usesVectors ? removeDeadLanes(out) : out)];
  }

  /** Appends an instruction's code; that of the last one leads on to other blocks. */
  private instruction(node: number, current: Block, i: number, semantic: Semantic, out: JsStatement[]): void {
    const { target, options } = this;
    const placed = current.body[i]!;
    const machine = this.machineOf(placed);
    const way = this.x87Way(node, i);
    const helps =
      options.helps(machine) ||
      (way === 'inline' && !target.vectors.cache.x87.state.fits(placed.instruction));
    target.at = new Position(this, node, current, i, machine, options.calls(machine), helps);
    if (isLeftOut(placed.instruction)) {
      append(out, target.leaveBefore());
      return;
    }
    if (isDirect(placed.instruction)) target.target = js`vb + ${targetOf(placed)} | 0`;
    const last = i === current.body.length - 1;
    const ends = semantic.endsBlock && semantic.statements.some(isJump);
    if (!this.idle && semantic.statements.some(callsHelper)) append(out, target.settleVectors());
    if (helps || way === 'outside') append(out, target.leaveX87(placed.instruction.mnemonic));
    append(out, this.emitter.instruction(semantic, `t${this.serial++}_`));
    if (ends) return;
    append(out, target.settle(last));
    if (last) append(out, this.way(node, current.next, after(placed)));
  }

  private begin(node: number): void {
    this.origin = node;
    this.target.vectors.begin(this.expectedOf(node));
    this.target.vectors.cache.x87.enter(this.x87[node]);
    this.wants.set(node, this.target.vectors.cache.wants);
  }
  private expectedOf(node: number): Expected {
    return this.expected.get(node) ?? NOTHING_EXPECTED;
  }
  /** Brings about what a block expects. */
  private arrive(node: number, expected = this.expectedOf(node)): JsStatement[] {
    const { body, start } = this.graph.blocks[node]!;
    return this.target.arrive(expected, start, body.length > 0 ? this.machineOf(body[0]!) : -1);
  }
  /** Where the dispatcher enters. */
  enter(node: number): JsStatement[] {
    this.target.vectors.begin(NOTHING_EXPECTED);
    this.target.budget.uncharged = 0;
    return [...this.target.budget.charge(this.uncharged[node]!), ...this.arrive(node)];
  }

  private x87States(): readonly (X87State | undefined)[] {
    if (this.idle) return [];
    const { graph, options } = this;
    const uses = graph.blocks.some((b) => b.body.some((p) => isInlineX87(p.instruction.mnemonic)));
    return options.inlinesX87 && uses ? findX87States(graph, (node, i) => this.x87Way(node, i)) : [];
  }
  /** How an instruction stands to the x87 unit. Others with short ways may become calls of helpers. */
  private x87Way(node: number, i: number): X87Way {
    if (this.idle) return 'none';
    const placed = this.graph.blocks[node]!.body[i]!;
    const { statements } = this.semantics(node)[i]!;
    const { mnemonic } = placed.instruction;
    if (statements.some((s) => s.op === 'quick')) {
      const inline = this.options.inlinesX87 && isInlineX87(mnemonic);
      return inline && !this.options.helps(this.machineOf(placed)) ? 'inline' : 'outside';
    }
    return statements.some(callsHelper) ? 'outside' : 'none';
  }

  /** The IR of a block's instructions, less flags that nothing sees. */
  private semantics(node: number): readonly Semantic[] {
    const known = this.prepared[node];
    if (known !== undefined) return known;
    const { body } = this.graph.blocks[node]!;
    const whole: Semantic[] = [];
    for (const placed of body) whole.push(this.semanticOf(placed));
    const made = removeDeadFlags(whole);
    for (let i = 0; i < made.length; i++) made[i] = removeDeadValues(made[i]!);
    this.prepared[node] = made;
    return made;
  }
  private semanticOf(p: Placed): Semantic {
    const { mode, variable } = this.options;
    const { instruction } = p;
    const machine = this.machineOf(p);
    const at = variable(machine, instruction) ? machine + instruction.length - 4 : -1;
    return semanticOf(instruction, mode, 'concrete', at);
  }
  private readonly number = (): number => this.serial++;
  /** Groups the accesses of a block and of those that inherit from it. */
  private group(node: number): void {
    groupAccesses(this.tree(node), this.options.alone, this.number, this.target.members);
  }
  private tree(node: number): BlockTree {
    const { body } = this.graph.blocks[node]!;
    const semantics = this.semantics(node);
    const instructions: TreeInstruction[] = [];
    for (let i = 0; i < body.length; i++) {
      const machine = this.machineOf(body[i]!);
      instructions.push({ semantic: semantics[i]!, machine, calls: this.options.calls(machine) });
    }
    const children: BlockTree[] = [];
    for (const to of this.graph.successors(node))
      if (this.layout.inherits(node, to)) children.push(this.tree(to));
    return { instructions, children };
  }
  private machineOf({ offset }: Placed): number {
    const page = offset >> 12;
    if (page !== this.lastPage) {
      this.lastPage = page;
      this.lastFrame = this.graph.frames.get(page)!;
    }
    return (this.lastFrame << 12) | (offset & 4095);
  }
  private lastPage = NO_PAGE;
  private lastFrame = 0;

  /** Whether a block may expect nothing. */
  isPlain(node: number): boolean {
    const [first] = this.graph.blocks[node]!.body;
    return first === undefined || !this.options.expects(this.machineOf(first));
  }

  // ---- surroundings of an instruction ------------------------------------------------------------------------------------
  quickMachines(node: number): readonly number[] {
    const { body } = this.graph.blocks[node]!;
    return body.filter((p) => isFloating(p.instruction)).map((p) => this.machineOf(p));
  }
  form(node: number, placed: Placed, register: number): Form | undefined {
    return formOf(this.graph, node, placed, register);
  }
  taken(node: number, placed: Placed, to: Expression): JsStatement[] {
    const { taken, back } = this.graph.blocks[node]!;
    return back === undefined && this.graph.isTruncated(placed)
      ? this.target.leaveFor(to)
      : this.way(node, taken, back ?? targetOf(placed));
  }
  notTaken(node: number, placed: Placed): JsStatement[] {
    return this.way(node, this.graph.blocks[node]!.next, after(placed));
  }
  /** To another block, or out of the region at `offset`. */
  way(from: number, to: number, offset: number): JsStatement[] {
    if (to < 0) return this.target.leaveAt(offset, 0);
    const { emitter, target, layout, origin } = this;
    const before = emitter.known;
    const lanes = target.vectors.snapshot();
    this.edgeKnown = before;
    this.edgeLanes = lanes;
    const inherits = layout.inherits(from, to);
    const state = inherits ? undefined : this.x87[to];
    const meet = state ? target.meetX87(state) : [];
    const out = inherits ? [] : [...this.toward(from, to)];
    const { uncharged } = target.budget;
    if (!inherits) append(out, target.budget.charge(layout.staysInside(from, to) ? this.uncharged[to]! : 0));
    append(out, layout.branch(from, to));
    target.budget.uncharged = uncharged;
    this.origin = origin;
    emitter.known = before;
    target.vectors.restore(lanes);
    const check = this.pageCheck(from, to);
    if (check.length === 0 && meet.length === 0) return out;
    return [...check, ...meet, ...out];
  }
  /** Before control goes to another page: that it is still there, and has been fetched from. */
  private pageCheck(from: number, to: number): JsStatement[] {
    const { graph, target } = this;
    const more = graph.pagesOf(to) & ~graph.pagesOf(from);
    if (more === 0) return [];
    return statements`if ((pages & ${more}) !== ${more}) { ${target.leaveAt(graph.blocks[to]!.start, 0)} }`;
  }
  /** What is to be done on an edge that is no inheritance. */
  private toward(from: number, to: number): JsStatement[] {
    if (!this.layout.staysInside(from, to)) return this.arrive(to, NOTHING_EXPECTED);
    this.edges.push({
      from: this.origin,
      to,
      backward: this.layout.isBackward(from, to),
      cache: this.target.vectors.snapshot(),
    });
    return this.arrive(to);
  }

  loopCheck(node: number, isHead: boolean): JsStatement[] {
    const { target } = this;
    if (isHead) {
      target.vectors.begin(this.expectedOf(node));
      target.budget.uncharged = this.uncharged[node]!;
    }
    const leave = target.leaveAt(this.graph.blocks[node]!.start, 0);
    return statements`if (n < ${target.budget.least}) { ${leave} }`;
  }
  prepareLoop(nodes: readonly number[], always: (node: number) => boolean): PreparedLoop | undefined {
    const head = nodes[0]!;
    const { blocks } = this.graph;
    this.target.vectors.begin(this.expectedOf(head));
    this.target.budget.uncharged = this.uncharged[head]!;
    const loop: Loop = {
      nodes,
      always,
      successors: (node) => this.graph.successors(node),
      inherits: (from, to) => this.layout.inherits(from, to),
      semantics: (node) => this.semantics(node),
      machine: (node, i) => this.machineOf(blocks[node]!.body[i]!),
      start: blocks[head]!.start,
    };
    return prepareLoop(loop, this.target, {
      calls: this.options.calls,
      alone: this.options.alone,
      number: this.number,
      group: () => {
        this.group(head);
        this.grouped.add(head);
      },
    });
  }
  leaveTo(node: number): JsStatement[] {
    return this.target.leaveAt(this.graph.blocks[node]!.start, 0);
  }
}

/** Of no offset. */
const NO_PAGE = 0x1000000;

/** Adds what may be more than a call can have arguments. */
function append(out: JsStatement[], more: readonly JsStatement[]): void {
  for (let i = 0; i < more.length; i++) out.push(more[i]!);
}
const isJump = (s: Statement): boolean => s.op === 'jump';
const callsHelper = (s: Statement): boolean =>
  s.op === 'helper' || s.op === 'repeat' || (s.op === 'when' && [...s.then, ...s.else].some(callsHelper));

const ENVIRONMENT =
  'cpu, r, dv: dv_, u8: u8_, RT: RT_, WT: WT_, read8, read16, read32, write8, write16, write32, readToWrite8, readToWrite16, readToWrite32, writeBack8, writeBack16, writeBack32, deliverNoted, storeDevice, segmentAllows, moveRun, storeRun, scanRun, compareRun, divideLong, condition, carry, carries, statusFlags, parityOf, xw: xw_, xf: xf_, xs: xs_, xc: xc_, xi: xi_, xd: xd_, addInexact, mulInexact, divInexact, sqrtInexact, singleAddInexact, singleDivInexact, singleSqrtInexact';

/** Translates a graph whose first block is not empty. */
export function translate(graph: RegionGraph, options: TranslationOptions): Translation {
  const { emitter, layout, body } = emitted(graph, options);
  const { target } = emitter;
  target.finish();
  const names = GPR_NAMES.filter((_, i) => target.usedRegisters.has(i));
  const loads = names.flatMap((name) => statements`let ${name} = r[${GPR_NAMES.indexOf(name)}];`);
  const inner = statements`
    ${loads};
    ${target.vectors.x87Variables.declarations()};
    let fk = r[17], fa = r[18], fb = r[19], fr = r[20], n = r[${R_BUDGET}] | 0, site = 0, eip = 0;
    ${target.usesVectors ? statements`let zw = 0, zd = +0, zs = Math.fround(0);` : []};
    ${declarations(target.vectors.variables)};
    ${labelled('OUT', block(body))};
    ${target.vectors.x87Variables.uses ? target.vectors.x87Variables.store() : []};
    ${block(target.spillBody)};
    ${settleMarked(target.vectors.variables, options.special)};
    r[${R_EIP}] = eip; r[${R_BUDGET}] = n;`;
  const ahead = compiledAhead(inner, target, options);
  const entries = new Map(
    graph.entries.map((node): [number, WayIn] => [
      graph.blocks[node]!.start,
      { code: layout.entryCode[node]!, needs: graph.pagesOf(node) },
    ]),
  );
  return {
    code: ahead ?? compile(asFactory(inner, target), options.name),
    ahead: ahead !== undefined,
    sites: target.sites,
    calls: target.calls.map(({ back, node, at, machine, direct }) => ({
      back,
      at,
      machine,
      direct,
      code: node < 0 ? -1 : layout.entryCode[node]!,
      needs: node < 0 ? 0 : graph.pagesOf(node),
    })),
    entries,
    longest: graph.instructionCount,
    instructions: graph.instructionCount,
    weight: graph.weight,
  };
}

/** Where there is vector code it is emitted twice: when it is known what blocks leave in registers, those behind can expect it. */
function emitted(graph: RegionGraph, options: TranslationOptions) {
  const first = emitOnce(graph, options, new Map());
  if (!first.emitter.target.usesVectors) return first;
  const { edges, wants } = first.emitter;
  const plain = (node: number): boolean => first.emitter.isPlain(node);
  return emitOnce(graph, options, findExpected(edges, wants, plain));
}
function emitOnce(graph: RegionGraph, options: TranslationOptions, expected: ReadonlyMap<number, Expected>) {
  const emitter = new RegionEmitter(graph, options, expected);
  const layout = new Layout(graph, emitter);
  emitter.layout = layout;
  emitter.uncharged = unchargedAt(graph, layout.order, (from, to) => layout.isBackward(from, to));
  return { emitter, layout, body: layout.emit() };
}

/** x87 code for other control words is not in the subset that the host compiles ahead of time. */
function compiledAhead(
  body: readonly JsStatement[],
  target: RegionTarget,
  { ahead, name, inlinesX87 }: TranslationOptions,
): CompiledSource | undefined {
  if (ahead === undefined || (target.usesX87 && !inlinesX87)) return undefined;
  // Calls out of code compiled ahead of time cost more than ordinary ones.
  if (target.helperCalls * INSTRUCTIONS_PER_HELPER > target.budget.longest) return undefined;
  try {
    return compileAhead({ parameters: ['pc', 'vb', 'pages'], body, result: 'site' }, ahead, name);
  } catch (error) {
    if (error instanceof NotInSubset) return undefined;
    throw error;
  }
}

/** Regions with more calls of helpers than one in so many instructions are ordinary functions. */
const INSTRUCTIONS_PER_HELPER = 5;

/** The region as an ordinary function of its environment. */
function asFactory(body: readonly JsStatement[], target: RegionTarget): JsStatement[] {
  return statements`
    ${environmentDeclaration(target)};
    return function region(pc, vb, pages) {
      const dv = dv_, du = dv_, u8 = u8_, RT = RT_, WT = WT_;
      ${target.usesVectors || target.usesX87 ? statements`const xw = xw_, xf = xf_, xs = xs_, xc = xc_;` : []};
      ${target.usesX87 ? statements`const xi = xi_, xd = xd_;` : []};
      ${body};
      return site;
    };`;
}

function environmentDeclaration(target: RegionTarget): JsStatement[] {
  const out = ENVIRONMENT.split(', ').map((part): JsStatement => {
    const [from, to = from] = part.split(': ') as [string, string?];
    return statements`const ${to} = env.${from};`[0]!;
  });
  for (const helper of target.helpers)
    out.push(...statements`const ${`H_${helper}`} = env.helpers.${helper};`);
  for (const name of target.events) out.push(...statements`const ${`E_${name}`} = env.${`E_${name}`};`);
  if (target.usesSystem) out.push(...statements`const sg = env.sg, sys = env.sys;`);
  for (const name of target.x87Names) out.push(...statements`const ${name} = env.x87.${name};`);
  return out;
}
