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

const HOLE = /^\$(\d+)$/;

/** What a part of a template is made into. */
const Part = {
  /** `made` itself. */
  CONSTANT: 0,
  HOLE: 1,
  /** A hole that stands as a statement: lists are spliced, expressions become statements. */
  STATEMENT_HOLE: 2,
  IDENTIFIER: 3,
  UNARY: 4,
  BINARY: 5,
  LOGICAL: 6,
  CONDITIONAL: 7,
  ASSIGNMENT: 8,
  MEMBER: 9,
  CALL: 10,
  BLOCK: 11,
  EFFECT: 12,
  IF: 13,
  DECLARATION: 14,
  DECLARATOR: 15,
  /** Of any other type, property by property. */
  OTHER: 16,
} as const;
type Part = (typeof Part)[keyof typeof Part];

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
const constant = (made: unknown): Template => new Template(Part.CONSTANT, 0, made, [], []);
const holeAt = (part: Part, index: number): Template => new Template(part, index, undefined, [], []);

// ---- parsing ---------------------------------------------------------------------------------------------------------------
const IGNORED = new Set(['start', 'end', 'loc', 'range']);

const holeOf = (node: E.Node): number => {
  const match = node.type === 'Identifier' ? HOLE.exec(node.name) : null;
  return match ? Number(match[1]) : -1;
};
function templateOf(node: E.Node): Template {
  const template = withHoles(node);
  const parts = [template.a, template.b, template.c].filter((part) => part !== undefined);
  const isConstant = [...parts, ...template.list].every((part) => part.part === Part.CONSTANT);
  return isConstant && template.part > Part.STATEMENT_HOLE ? constant(build(template, [])) : template;
}
const listOf = (list: readonly E.Node[]): Template[] => list.map(templateOf);
function withHoles(node: E.Node): Template {
  const part = (p: Part, made: unknown, ...parts: E.Node[]): Template =>
    new Template(p, 0, made, parts.map(templateOf), []);
  switch (node.type) {
    case 'Identifier':
      return holeOf(node) < 0 ? constant(nodes.identifier(node.name)) : holeAt(Part.HOLE, holeOf(node));
    case 'Literal':
      return typeof node.value === 'number' || typeof node.value === 'boolean'
        ? constant(nodes.literal(node.value, node.raw!))
        : other(node as unknown as Record<string, unknown>);
    case 'BreakStatement':
      return node.label ? constant(nodes.breakTo(node.label.name)) : constant(node);
    case 'ContinueStatement':
      return node.label ? constant(nodes.continueTo(node.label.name)) : constant(node);
    case 'UnaryExpression':
      return part(Part.UNARY, node.operator, node.argument);
    case 'BinaryExpression':
      return part(Part.BINARY, node.operator, node.left, node.right);
    case 'LogicalExpression':
      return part(Part.LOGICAL, node.operator, node.left, node.right);
    case 'ConditionalExpression':
      return part(Part.CONDITIONAL, undefined, node.test, node.consequent, node.alternate);
    case 'AssignmentExpression':
      return part(Part.ASSIGNMENT, node.operator, node.left, node.right);
    case 'MemberExpression':
      return part(Part.MEMBER, node.computed, node.object, node.property);
    case 'CallExpression':
      return new Template(Part.CALL, 0, undefined, [templateOf(node.callee)], listOf(node.arguments));
    case 'BlockStatement':
      return new Template(Part.BLOCK, 0, undefined, [], listOf(node.body));
    case 'ExpressionStatement':
      return holeOf(node.expression) < 0
        ? part(Part.EFFECT, undefined, node.expression)
        : holeAt(Part.STATEMENT_HOLE, holeOf(node.expression));
    case 'IfStatement':
      return part(
        Part.IF,
        undefined,
        node.test,
        node.consequent,
        ...(node.alternate ? [node.alternate] : []),
      );
    case 'VariableDeclaration':
      return new Template(Part.DECLARATION, 0, node.kind, [], listOf(node.declarations));
    case 'VariableDeclarator':
      return part(Part.DECLARATOR, undefined, node.id, ...(node.init ? [node.init] : []));
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
    if (Array.isArray(value)) return new Template(Part.OTHER, 0, undefined, [], listOf(value as E.Node[]));
    return isNode(value) ? templateOf(value) : constant(value);
  });
  return new Template(Part.OTHER, 0, keys, [], parts);
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
function build(t: Template, holes: Holes): unknown {
  switch (t.part) {
    case Part.CONSTANT:
      return t.made;
    case Part.HOLE:
      return fill(holes[t.index]!);
    case Part.STATEMENT_HOLE:
      return asStatement(holes[t.index]!);
    case Part.UNARY:
      return nodes.unary(t.made as E.UnaryOperator, expression(t.a, holes));
    case Part.BINARY:
      return nodes.binary(t.made as E.BinaryOperator, expression(t.a, holes), expression(t.b, holes));
    case Part.LOGICAL:
      return nodes.logical(t.made as E.LogicalOperator, expression(t.a, holes), expression(t.b, holes));
    case Part.CONDITIONAL:
      return nodes.conditional(expression(t.a, holes), expression(t.b, holes), expression(t.c, holes));
    case Part.ASSIGNMENT:
      return nodes.assignment(
        t.made as E.AssignmentOperator,
        expression(t.a, holes) as E.Pattern,
        expression(t.b, holes),
      );
    case Part.MEMBER:
      return nodes.member(expression(t.a, holes), expression(t.b, holes), t.made as boolean);
    case Part.CALL:
      return nodes.call(expression(t.a, holes), list(t.list, holes) as E.Expression[]);
    case Part.BLOCK:
      return nodes.blockOf(list(t.list, holes) as E.Statement[]);
    case Part.EFFECT:
      return nodes.effect(expression(t.a, holes));
    case Part.IF:
      return nodes.choice(expression(t.a, holes), branch(t.b, holes)!, branch(t.c, holes));
    case Part.DECLARATION:
      return nodes.declaration(
        t.made as E.VariableDeclaration['kind'],
        list(t.list, holes) as E.VariableDeclarator[],
      );
    case Part.DECLARATOR:
      return nodes.declarator(
        expression(t.a, holes) as E.Pattern,
        t.b === undefined ? null : expression(t.b, holes),
      );
    default:
      return buildOther(t, holes);
  }
}
const expression = (t: Template | undefined, holes: Holes): E.Expression => build(t!, holes) as E.Expression;
const branch = (t: Template | undefined, holes: Holes): E.Statement | null =>
  t === undefined ? null : (build(t, holes) as E.Statement);
function list(templates: readonly Template[], holes: Holes): unknown[] {
  const out: unknown[] = [];
  for (let i = 0; i < templates.length; i++) {
    const made = build(templates[i]!, holes);
    if (Array.isArray(made)) for (let j = 0; j < made.length; j++) out.push(made[j]);
    else out.push(made);
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
