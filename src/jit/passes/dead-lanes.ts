/** Removes stores to XMM registers in memory that the same straight code makes void before anything can see them, in emitted statements. */
import type { AssignmentExpression, Node, Statement } from 'estree';

/** Words of a lane of each view. */
const VIEWS: Readonly<Record<string, number>> = { xw: 1, xs: 1, xf: 2 };

type Fields = Record<string, unknown>;
const isNode = (x: unknown): x is Node => typeof x === 'object' && x !== null && 'type' in x;

/** The words that a node is an access to; undefined if it is none, 'any' if it may be to all. */
function lanesOf(node: Node): readonly number[] | 'any' | undefined {
  if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return undefined;
  if (!Object.hasOwn(VIEWS, node.object.name)) return undefined;
  const { property } = node;
  if (property.type !== 'Literal' || typeof property.value !== 'number') return 'any';
  const size = VIEWS[node.object.name]!;
  return Array.from({ length: size }, (_, i) => size * (property.value as number) + i);
}

/** Calls that neither leave nor look at registers. */
function isHarmlessCall(node: Node): boolean {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  const { object } = node.callee;
  return object.type === 'Identifier' && (object.name === 'Math' || object.name === 'dv');
}

/** Notes the lanes that a node reads; false where it may do more than compute. */
function reads(node: Node, note: (words: readonly number[]) => void): boolean {
  const lanes = lanesOf(node);
  if (lanes === 'any') return false;
  if (lanes !== undefined) {
    note(lanes);
    return true;
  }
  if (node.type === 'CallExpression' && !isHarmlessCall(node)) return false;
  if (node.type === 'AssignmentExpression' || node.type === 'UpdateExpression') return false;
  if (node.type.endsWith('Statement') || node.type.endsWith('Function')) return false;
  return Object.values(node as unknown as Fields).every((child) => {
    if (Array.isArray(child)) return child.every((one) => !isNode(one) || reads(one, note));
    return !isNode(child) || reads(child, note);
  });
}

/** An assignment that is a statement. */
const assignmentOf = (s: Statement): AssignmentExpression | undefined =>
  s.type === 'ExpressionStatement' &&
  s.expression.type === 'AssignmentExpression' &&
  s.expression.operator === '='
    ? s.expression
    : undefined;

export function removeDeadLanes(body: readonly Statement[]): Statement[] {
  const kept: Statement[] = [];
  /** Words that are stored to before they are read. */
  const dead = new Set<number>();
  const note = (words: readonly number[]): void => words.forEach((word) => dead.delete(word));
  for (const statement of [...body].reverse()) {
    const assignment = assignmentOf(statement);
    const to = assignment && lanesOf(assignment.left as Node);
    if (assignment && to !== undefined && to !== 'any') {
      if (to.every((word) => dead.has(word)) && assignment.right.type === 'Identifier') continue;
      to.forEach((word) => dead.add(word));
      if (!reads(assignment.right, note)) dead.clear();
    } else if (!computes(statement, assignment, note)) dead.clear();
    kept.push(statement);
  }
  return kept.reverse();
}

/** Notes what a statement that only computes reads; false if it does more. */
function computes(
  statement: Statement,
  assignment: AssignmentExpression | undefined,
  note: (words: readonly number[]) => void,
): boolean {
  if (assignment) return lanesOf(assignment.left as Node) === undefined && reads(assignment.right, note);
  if (statement.type === 'VariableDeclaration')
    return statement.declarations.every(({ init }) => !init || reads(init, note));
  return statement.type === 'ExpressionStatement' && reads(statement.expression, note);
}
