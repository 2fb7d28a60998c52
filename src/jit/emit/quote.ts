/**
 * Quasi-quotation: emission rules are written as the JavaScript they emit. A template is parsed once per call site; holes take ESTree nodes, numbers,
 * identifiers (strings) or, where a statement stands, lists of statements. What has no holes is the same nodes each time: nobody changes a node.
 */
import { parse, parseExpressionAt } from 'acorn';
import type * as E from 'estree';
import * as nodes from './nodes.js';

export { breakTo, continueTo, identifier, labelled, numeral } from './nodes.js';

export type Hole = E.Expression | E.Statement | readonly E.Statement[] | number | string;
type Holes = readonly Hole[];

const NUMBERED = /^\$(\d+)$/;

// What a part of a template is made into. `CONSTANT`: `made` itself; `STATEMENT_HOLE`: a hole that stands as a statement, where lists are spliced and
// expressions become statements; `OTHER`: of any other type, property by property.
const CONSTANT = 0,
  HOLE = 1,
  STATEMENT_HOLE = 2,
  UNARY = 3,
  BINARY = 4,
  LOGICAL = 5,
  CONDITIONAL = 6,
  ASSIGNMENT = 7,
  MEMBER = 8,
  CALL = 9,
  BLOCK = 10,
  EFFECT = 11,
  IF = 12,
  DECLARATION = 13,
  DECLARATOR = 14,
  OTHER = 15;
type Part = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15;

/** A part of a template; all have the same shape. */
class Template {
  readonly part: Part;
  readonly index: number;
  /** A constant, an operator, or the names of properties. */
  readonly made: unknown;
  readonly a: Template | undefined;
  readonly b: Template | undefined;
  readonly c: Template | undefined;
  readonly list: readonly Template[];
  constructor(
    part: Part,
    index: number,
    made: unknown,
    parts: readonly Template[],
    list: readonly Template[],
  ) {
    this.part = part;
    this.index = index;
    this.made = made;
    this.a = parts[0];
    this.b = parts[1];
    this.c = parts[2];
    this.list = list;
  }
}
const constant = (made: unknown): Template => new Template(CONSTANT, 0, made, [], []);
const holeAt = (part: Part, index: number): Template => new Template(part, index, undefined, [], []);

// ---- parsing ---------------------------------------------------------------------------------------------------------------
const IGNORED = new Set(['start', 'end', 'loc', 'range']);

const holeOf = (node: E.Node): number => {
  const match = node.type === 'Identifier' ? NUMBERED.exec(node.name) : null;
  return match ? Number(match[1]) : -1;
};
function templateOf(node: E.Node): Template {
  const template = withHoles(node);
  const parts = [template.a, template.b, template.c].filter((part) => part !== undefined);
  const isConstant = [...parts, ...template.list].every((part) => part.part === CONSTANT);
  return isConstant && template.part > STATEMENT_HOLE ? constant(build(template, [])) : template;
}
const listOf = (list: readonly E.Node[]): Template[] => list.map(templateOf);
function withHoles(node: E.Node): Template {
  const part = (p: Part, made: unknown, ...parts: E.Node[]): Template =>
    new Template(p, 0, made, parts.map(templateOf), []);
  switch (node.type) {
    case 'Identifier':
      return holeOf(node) < 0 ? constant(nodes.identifier(node.name)) : holeAt(HOLE, holeOf(node));
    case 'Literal':
      return typeof node.value === 'number' || typeof node.value === 'boolean'
        ? constant(nodes.literal(node.value, node.raw!))
        : other(node as unknown as Record<string, unknown>);
    case 'BreakStatement':
      return node.label ? constant(nodes.breakTo(node.label.name)) : constant(node);
    case 'ContinueStatement':
      return node.label ? constant(nodes.continueTo(node.label.name)) : constant(node);
    case 'UnaryExpression':
      return part(UNARY, node.operator, node.argument);
    case 'BinaryExpression':
      return part(BINARY, node.operator, node.left, node.right);
    case 'LogicalExpression':
      return part(LOGICAL, node.operator, node.left, node.right);
    case 'ConditionalExpression':
      return part(CONDITIONAL, undefined, node.test, node.consequent, node.alternate);
    case 'AssignmentExpression':
      return part(ASSIGNMENT, node.operator, node.left, node.right);
    case 'MemberExpression':
      return part(MEMBER, node.computed, node.object, node.property);
    case 'CallExpression':
      return new Template(CALL, 0, undefined, [templateOf(node.callee)], listOf(node.arguments));
    case 'BlockStatement':
      return new Template(BLOCK, 0, undefined, [], listOf(node.body));
    case 'ExpressionStatement':
      return holeOf(node.expression) < 0
        ? part(EFFECT, undefined, node.expression)
        : holeAt(STATEMENT_HOLE, holeOf(node.expression));
    case 'IfStatement':
      return part(IF, undefined, node.test, node.consequent, ...(node.alternate ? [node.alternate] : []));
    case 'VariableDeclaration':
      return new Template(DECLARATION, 0, node.kind, [], listOf(node.declarations));
    case 'VariableDeclarator':
      return part(DECLARATOR, undefined, node.id, ...(node.init ? [node.init] : []));
    default:
      return other(node as unknown as Record<string, unknown>);
  }
}
/** Nodes and lists of nodes are templates, and all else is as it is. */
function other(node: Record<string, unknown>): Template {
  const keys = Object.keys(node).filter((key) => !IGNORED.has(key));
  const isNode = (x: unknown): x is E.Node => typeof x === 'object' && x !== null && 'type' in x;
  const parts = keys.map((key) => {
    const value = node[key];
    if (Array.isArray(value)) return new Template(OTHER, 0, undefined, [], listOf(value as E.Node[]));
    return isNode(value) ? templateOf(value) : constant(value);
  });
  return new Template(OTHER, 0, keys, [], parts);
}

// ---- filling ---------------------------------------------------------------------------------------------------------------
function fill(hole: Hole): unknown {
  if (typeof hole === 'string') return nodes.identifier(hole);
  if (typeof hole === 'number') return nodes.numeral(hole);
  return hole;
}
const STATEMENT = /(Statement|Declaration)$/;
const EXPRESSIONS = new Set([
  'Identifier',
  'Literal',
  'UnaryExpression',
  'BinaryExpression',
  'CallExpression',
  'AssignmentExpression',
]);
function asStatement(hole: Hole): unknown {
  if (Array.isArray(hole)) return hole;
  const node = fill(hole) as E.Statement | E.Expression;
  const isExpression = EXPRESSIONS.has(node.type) || !STATEMENT.test(node.type);
  return isExpression ? nodes.effect(node as E.Expression) : node;
}

/** The node, or the list that a hole takes in its place. */
function build<T>(t: Template, holes: Holes): T {
  return made(t, holes) as T;
}
function made(t: Template, holes: Holes): unknown {
  switch (t.part) {
    case CONSTANT:
      return t.made;
    case HOLE:
      return fill(holes[t.index]!);
    case STATEMENT_HOLE:
      return asStatement(holes[t.index]!);
    case UNARY:
      return nodes.unary(t.made as E.UnaryOperator, build(t.a!, holes));
    case BINARY:
      return nodes.binary(t.made as E.BinaryOperator, build(t.a!, holes), build(t.b!, holes));
    case LOGICAL:
      return nodes.logical(t.made as E.LogicalOperator, build(t.a!, holes), build(t.b!, holes));
    case CONDITIONAL:
      return nodes.conditional(build(t.a!, holes), build(t.b!, holes), build(t.c!, holes));
    case ASSIGNMENT:
      return nodes.assignment(t.made as E.AssignmentOperator, build(t.a!, holes), build(t.b!, holes));
    case MEMBER:
      return nodes.member(build(t.a!, holes), build(t.b!, holes), t.made as boolean);
    case CALL:
      return nodes.call(build(t.a!, holes), list(t.list, holes));
    case BLOCK:
      return nodes.blockOf(list(t.list, holes));
    case EFFECT:
      return nodes.effect(build(t.a!, holes));
    case IF:
      return nodes.choice(build(t.a!, holes), branch(t.b, holes)!, branch(t.c, holes));
    case DECLARATION:
      return nodes.declaration(t.made as E.VariableDeclaration['kind'], list(t.list, holes));
    case DECLARATOR:
      return nodes.declarator(build(t.a!, holes), t.b === undefined ? null : build(t.b!, holes));
    default:
      return buildOther(t, holes);
  }
}
const branch = (t: Template | undefined, holes: Holes): E.Statement | null =>
  t === undefined ? null : build(t, holes);
function list<T>(templates: readonly Template[], holes: Holes): T[] {
  const out: T[] = [];
  for (let i = 0; i < templates.length; i++) {
    const one: T | T[] = build(templates[i]!, holes);
    if (Array.isArray(one)) for (let j = 0; j < one.length; j++) out.push((one as T[])[j]!);
    else out.push(one);
  }
  return out;
}
function buildOther(t: Template, holes: Holes): unknown {
  if (t.made === undefined) return list(t.list, holes);
  const out: Record<string, unknown> = {};
  (t.made as string[]).forEach((key, i) => (out[key] = build(t.list[i]!, holes)));
  return out;
}

// ---- templates -------------------------------------------------------------------------------------------------------------
const source = (strings: TemplateStringsArray): string =>
  strings.reduce((text, part, i) => `${text}$${i - 1}${part}`);

const expressionTemplates = new Map<TemplateStringsArray, Template>();
/** One expression. */
export function js(
  strings: TemplateStringsArray,
  ...holes: readonly (E.Expression | number | string)[]
): E.Expression {
  let template = expressionTemplates.get(strings);
  if (template === undefined) {
    template = templateOf(parseExpressionAt(source(strings), 0, { ecmaVersion: 2022 }) as E.Expression);
    expressionTemplates.set(strings, template);
  }
  return build(template, holes) as E.Expression;
}

const statementTemplates = new Map<TemplateStringsArray, readonly Template[]>();
/** A list of statements. `break`, `continue` and labels may stand outside a loop: they are checked when the whole is compiled. */
export function statements(strings: TemplateStringsArray, ...holes: readonly Hole[]): E.Statement[] {
  let template = statementTemplates.get(strings);
  if (template === undefined) {
    template = listOf(bodyOf(source(strings)));
    statementTemplates.set(strings, template);
  }
  return list(template, holes) as E.Statement[];
}
/** Parses in a context where return, break and continue to the project's labels are legal. */
function bodyOf(text: string): E.Statement[] {
  const wrapped = `function f() { OUT: AT_EIP: AT_SLOT: REGION: for (;;) { TAIL: { ${text} } } }`;
  const program = parse(wrapped, { ecmaVersion: 2022 }) as unknown as E.Program;
  let node = (program.body[0] as unknown as { body: E.BlockStatement }).body.body[0] as E.Statement;
  while (node.type === 'LabeledStatement') node = node.body;
  const tail = (node as unknown as { body: E.BlockStatement }).body.body[0] as unknown as {
    body: E.BlockStatement;
  };
  return tail.body.body;
}

/** A copy of the list, so that what is added to it later is not part of the block. */
export const block = (body: readonly E.Statement[]): E.BlockStatement => nodes.blockOf([...body]);
