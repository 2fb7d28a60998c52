/** ESTree nodes as emitted code has them: all of a type have one shape, so that what reads them does not look properties up. */
import type * as E from 'estree';

export const identifier = (name: string): E.Identifier => ({ type: 'Identifier', name });
export const literal = (value: number | boolean, raw: string): E.Literal => ({ type: 'Literal', value, raw });

const unsigned = (value: number): E.Literal => literal(value, String(value));
/** Nodes are never changed, and these are wanted often. */
const SMALL: readonly E.Literal[] = Array.from({ length: 256 }, (_, value) => unsigned(value));
export function numeral(value: number): E.Expression {
  if (value < 0) return unary('-', numeral(-value));
  return (value < 256 ? SMALL[value] : undefined) ?? unsigned(Math.abs(value));
}

export const unary = (operator: E.UnaryOperator, argument: E.Expression): E.UnaryExpression => ({
  type: 'UnaryExpression',
  operator,
  prefix: true,
  argument,
});
export const binary = (
  operator: E.BinaryOperator,
  left: E.Expression,
  right: E.Expression,
): E.BinaryExpression => ({ type: 'BinaryExpression', operator, left, right });
export const logical = (
  operator: E.LogicalOperator,
  left: E.Expression,
  right: E.Expression,
): E.LogicalExpression => ({ type: 'LogicalExpression', operator, left, right });
export const conditional = (
  test: E.Expression,
  consequent: E.Expression,
  alternate: E.Expression,
): E.ConditionalExpression => ({ type: 'ConditionalExpression', test, consequent, alternate });
export const assignment = (
  operator: E.AssignmentOperator,
  left: E.Pattern,
  right: E.Expression,
): E.AssignmentExpression => ({ type: 'AssignmentExpression', operator, left, right });
export const member = (
  object: E.Expression,
  property: E.Expression,
  computed: boolean,
): E.MemberExpression => ({ type: 'MemberExpression', object, property, computed, optional: false });
export const call = (callee: E.Expression, parameters: E.Expression[]): E.SimpleCallExpression => ({
  type: 'CallExpression',
  callee,
  arguments: parameters,
  optional: false,
});

/** The list itself, which may be added to. */
export const blockOf = (body: E.Statement[]): E.BlockStatement => ({ type: 'BlockStatement', body });
export const effect = (expression: E.Expression): E.ExpressionStatement => ({
  type: 'ExpressionStatement',
  expression,
});
export const choice = (
  test: E.Expression,
  consequent: E.Statement,
  alternate: E.Statement | null,
): E.IfStatement => ({ type: 'IfStatement', test, consequent, alternate });
export const declaration = (
  kind: E.VariableDeclaration['kind'],
  declarations: E.VariableDeclarator[],
): E.VariableDeclaration => ({ type: 'VariableDeclaration', declarations, kind });
export const declarator = (id: E.Pattern, init: E.Expression | null): E.VariableDeclarator => ({
  type: 'VariableDeclarator',
  id,
  init,
});
export const labelled = (label: string, body: E.Statement): E.LabeledStatement => ({
  type: 'LabeledStatement',
  label: identifier(label),
  body,
});
export const breakTo = (label: string): E.BreakStatement => ({
  type: 'BreakStatement',
  label: identifier(label),
});
export const continueTo = (label: string): E.ContinueStatement => ({
  type: 'ContinueStatement',
  label: identifier(label),
});
