/**
 * What comes before the iterations of a loop: one check per access that moves evenly through memory, for as many iterations as stay within its page. How long that
 * is, is told as a value of the budget, which is compared at the loop's head anyway.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import { loopCheck } from '../emit/access.js';
import { js, statements } from '../emit/quote.js';
import { vectorEffects } from '../emit/vector.js';
import type { Semantic, Statement } from '../ir.js';
import { groupOfOne, type AccessGroup } from '../passes/group-accesses.js';
import { loopAccesses, type LoopAccess, type LoopBlock } from '../passes/loop-accesses.js';
import { VIEWS, type RegionTarget } from './region-target.js';
import { SITE_ACCESS } from './sites.js';
import type { PreparedLoop } from './structure.js';

/** The shortest way round a loop. */
export interface Loop {
  /** From the head on, in order. */
  readonly nodes: readonly number[];
  /** Every iteration goes through it. */
  always(node: number): boolean;
  successors(node: number): readonly number[];
  inherits(from: number, to: number): boolean;
  semantics(node: number): readonly Semantic[];
  /** Machine address of a node's instruction. */
  machine(node: number, index: number): number;
  /** Offset of the head. */
  readonly start: number;
}
/** Of the region. */
export interface LoopChoices {
  calls(machine: number): boolean;
  alone(machine: number): boolean;
  /** Finds the groups of what inherits from the head. */
  group(): void;
  number(): number;
}

/** Undefined where nothing can be checked before. */
export function prepareLoop(
  loop: Loop,
  target: RegionTarget,
  choices: LoopChoices,
): PreparedLoop | undefined {
  const machines = machinesOf(loop);
  if ([...machines.values()].some((machine) => choices.calls(machine))) return undefined;
  const blocks = blocksOf(loop);
  const accesses = loopAccesses(blocks);
  if (accesses === undefined) return undefined;
  choices.group();
  const id = choices.number();
  const [more, last] = [`more${id}`, `last${id}`];
  const checks: JsStatement[] = [];
  for (const [statement, access] of accesses) {
    const group = groupOf(statement, access, machines.get(statement)!, target, choices);
    if (group !== undefined) checks.push(...check(group, access, more, loop.start, target));
  }
  if (checks.length === 0) return undefined;
  const before = statements`
    let ${more} = ${MANY};
    ${checks};
    let ${last} = n - Math.imul(${more}, ${shortest(blocks)}) | 0;
    if (${last} < ${target.budget.least}) { ${last} = ${target.budget.least}; }`;
  return { before, ended: js`n < ${last}` };
}

/** Iterations if no access leaves its page: as many as it has bytes. */
const MANY = 4096;

function machinesOf({ nodes, semantics, machine }: Loop): Map<Statement, number> {
  const out = new Map<Statement, number>();
  for (const node of nodes) {
    for (const [i, semantic] of semantics(node).entries())
      for (const statement of semantic.statements) out.set(statement, machine(node, i));
  }
  return out;
}
function blocksOf(loop: Loop): LoopBlock[] {
  const { nodes, semantics, successors, always } = loop;
  const near = nearHead(loop);
  return nodes.map((node, at) => ({
    semantics: semantics(node),
    before: at === 0 ? [] : nodes.flatMap((from, i) => (successors(from).includes(node) ? [i] : [])),
    always: near.has(node) && always(node),
  }));
}
/** Nodes that inherit from the head, whose accesses are grouped together. */
function nearHead({ nodes, successors, inherits }: Loop): ReadonlySet<number> {
  const near = new Set(nodes.slice(0, 1));
  const isNear = (node: number): boolean =>
    [...near].some((from) => successors(from).includes(node) && inherits(from, node));
  for (const node of nodes) if (isNear(node)) near.add(node);
  return near;
}

/** The group that an access checks for, itself alone if need be; undefined where it cannot be checked before. */
function groupOf(
  statement: Statement,
  { stride }: LoopAccess,
  machine: number,
  { members }: RegionTarget,
  choices: LoopChoices,
): AccessGroup | undefined {
  const kind = accessOf(statement);
  if (kind === undefined) return undefined;
  const member = members.get(statement);
  if (member === undefined ? choices.alone(machine) : member.group.leader !== statement) return undefined;
  const group = member?.group ?? groupOfOne(statement, choices.number(), kind.bytes, kind.write, machine);
  if ((stride & (group.width - 1)) !== 0) return undefined;
  members.set(statement, { group, displacement: member?.displacement ?? 0 });
  return group;
}

function accessOf(s: Statement): { readonly bytes: number; readonly write: boolean } | undefined {
  if (s.op === 'quick') return vectorEffects(s.instruction)?.access;
  if (s.op !== 'load' && s.op !== 'store') return undefined;
  return { bytes: s.width / 8, write: s.op === 'store' || s.forWrite };
}

function check(
  group: AccessGroup,
  { address, stride }: LoopAccess,
  more: string,
  offset: number,
  target: RegionTarget,
): JsStatement[] {
  const sum = address.times.reduce<Expression>(
    (left, times, i) => {
      if (times === 0) return left;
      const register = js`${target.register(i)}`;
      return js`${left} + ${times === 1 ? register : js`Math.imul(${register}, ${times})`} | 0`;
    },
    js`${address.displacement}`,
  );
  const entry = `h${group.id}`;
  group.entry = entry;
  return loopCheck(VIEWS, group, entry, sum, stride, more, () =>
    target.leaveAt(offset, 0, SITE_ACCESS, group.machines),
  );
}

/** Instructions of an iteration at least. */
function shortest(blocks: readonly LoopBlock[]): number {
  const lengths: number[] = [];
  for (const { semantics, before } of blocks)
    lengths.push(semantics.length + (before.length === 0 ? 0 : Math.min(...before.map((b) => lengths[b]!))));
  return lengths.at(-1)!;
}
