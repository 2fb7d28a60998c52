/**
 * Quasi-quotation: emission rules are written as the JavaScript they emit. A template is parsed once per call site; holes take ESTree nodes, numbers,
 * identifiers (strings) or, where a statement stands, lists of statements.
 */
import { parse, parseExpressionAt } from 'acorn';
import type { BlockStatement, Expression, Identifier, Node, Program, Statement } from 'estree';

export type Hole = Expression | Statement | readonly Statement[] | number | string;
type Copier = (holes: readonly Hole[]) => unknown;

const HOLE = /^\$(\d+)$/;

export const identifier = (name: string): Identifier => ({ type: 'Identifier', name });
export function numeral(value: number): Expression {
  const literal: Expression = { type: 'Literal', value: Math.abs(value), raw: String(Math.abs(value)) };
  return value < 0 ? { type: 'UnaryExpression', operator: '-', prefix: true, argument: literal } : literal;
}

function fill(hole: Hole | undefined): unknown {
  if (typeof hole === 'number') return numeral(hole);
  if (typeof hole === 'string') return identifier(hole);
  return hole;
}

const IGNORED = new Set(['start', 'end', 'loc', 'range']);

/** Compiles a parsed template into a function that builds a fresh copy with the holes filled. */
function copier(node: unknown): Copier {
  if (Array.isArray(node)) return listCopier(node);
  if (node === null || typeof node !== 'object') return () => node;
  const record = node as Record<string, unknown>;
  const hole = record.type === 'Identifier' ? HOLE.exec(record.name as string) : null;
  if (hole) {
    const index = Number(hole[1]);
    return (holes) => fill(holes[index]);
  }
  if (record.type === 'ExpressionStatement') {
    const inner = record.expression as Record<string, unknown>;
    const match = inner.type === 'Identifier' ? HOLE.exec(inner.name as string) : null;
    if (match) {
      const index = Number(match[1]);
      return (holes) => asStatement(holes[index]!);
    }
  }
  if (record instanceof RegExp) return () => record;
  const keys = Object.keys(record).filter((k) => !IGNORED.has(k));
  const parts = keys.map((k) => copier(record[k]));
  return (holes) => {
    const out: Record<string, unknown> = {};
    for (let i = 0; i < keys.length; i++) out[keys[i]!] = parts[i]!(holes);
    return out;
  };
}
function listCopier(list: readonly unknown[]): Copier {
  const parts = list.map(copier);
  return (holes) => {
    const out: unknown[] = [];
    for (const part of parts) {
      const made = part(holes);
      if (Array.isArray(made)) out.push(...(made as unknown[]));
      else out.push(made);
    }
    return out;
  };
}
/** A hole that stands as a statement: lists are spliced, expressions become statements. */
function asStatement(hole: Hole): unknown {
  if (Array.isArray(hole)) return hole;
  const node = fill(hole) as Node;
  return node.type.endsWith('Statement') || node.type.endsWith('Declaration')
    ? node
    : { type: 'ExpressionStatement', expression: node };
}

const source = (strings: TemplateStringsArray): string =>
  strings.reduce((text, part, i) => `${text}$${i - 1}${part}`);

const expressionTemplates = new WeakMap<TemplateStringsArray, Copier>();
/** One expression. */
export function js(
  strings: TemplateStringsArray,
  ...holes: readonly (Expression | number | string)[]
): Expression {
  let template = expressionTemplates.get(strings);
  if (template === undefined) {
    template = copier(parseExpressionAt(source(strings), 0, { ecmaVersion: 2022 }));
    expressionTemplates.set(strings, template);
  }
  return template(holes) as Expression;
}

const statementTemplates = new WeakMap<TemplateStringsArray, Copier>();
/** A list of statements. `break`, `continue` and labels may stand outside a loop: they are checked when the whole is compiled. */
export function statements(strings: TemplateStringsArray, ...holes: readonly Hole[]): Statement[] {
  let template = statementTemplates.get(strings);
  if (template === undefined) {
    template = copier(bodyOf(source(strings)));
    statementTemplates.set(strings, template);
  }
  return template(holes) as Statement[];
}
/** Parses in a context where return, break and continue to the project's labels are legal. */
function bodyOf(text: string): Statement[] {
  const wrapped = `function f() { OUT: AT_EIP: AT_SLOT: REGION: for (;;) { TAIL: { ${text} } } }`;
  const program = parse(wrapped, { ecmaVersion: 2022 }) as unknown as Program;
  let node = (program.body[0] as unknown as { body: BlockStatement }).body.body[0] as Statement;
  while (node.type === 'LabeledStatement') node = node.body;
  const tail = (node as unknown as { body: BlockStatement }).body.body[0] as unknown as {
    body: BlockStatement;
  };
  return tail.body.body;
}

export const block = (body: readonly Statement[]): BlockStatement => ({
  type: 'BlockStatement',
  body: [...body],
});
export const labelled = (label: string, body: Statement): Statement => ({
  type: 'LabeledStatement',
  label: identifier(label),
  body,
});
export const breakTo = (label: string): Statement => ({ type: 'BreakStatement', label: identifier(label) });
export const continueTo = (label: string): Statement => ({
  type: 'ContinueStatement',
  label: identifier(label),
});
