/** The functions of runtime/flags.ts in the ahead-of-time subset, printed from their own source. Run by `npm run build`. */
import { parse } from 'acorn';
import type { Expression, FunctionDeclaration, Identifier, Node, Program, Statement } from 'estree';
import { FlagOperation } from '../../runtime/flags.js';
import { STATUS_FLAGS } from '../../runtime/state.js';
import { numeral } from '../emit/quote.js';
import { AsmPrinter, type AsmLayout } from '../region/asm-printer.js';

const NAMES =
  'parityOf justifiedRight carry overflow zero sign parity auxiliary positive condition statusFlags carries'.split(
    ' ',
  );

/** Of functions that refer to no arrays. */
export const NOWHERE: AsmLayout = {
  buffer: new ArrayBuffer(0),
  r: 0,
  RT: 0,
  WT: 0,
  system: 0,
  attributes: 0,
  selectors: 0,
  ring: 0,
  xmm: 0,
  mxcsr: 0,
  xi: 0,
  xd: 0,
};

/** Name → source; `text` is that of the module. */
export function flagFunctions(text: string): Map<string, string> {
  const program = parse(text, { ecmaVersion: 2022, sourceType: 'module' }) as unknown as Program;
  const functions = new Map<string, FunctionDeclaration>();
  const constants = new Map<string, number>([['STATUS_FLAGS', STATUS_FLAGS]]);
  for (const top of program.body) {
    const node = top.type === 'ExportNamedDeclaration' && top.declaration ? top.declaration : top;
    if (node.type === 'FunctionDeclaration') functions.set(node.id.name, node);
    if (node.type !== 'VariableDeclaration') continue;
    for (const { id, init } of node.declarations) {
      const value = init ? constantOf(init) : undefined;
      if (value !== undefined) constants.set((id as Identifier).name, value);
    }
  }
  return new Map(NAMES.map((name) => [name, source(functions.get(name)!, constants)]));
}

function constantOf(e: Expression): number | undefined {
  if (e.type === 'Literal' && typeof e.value === 'number') return e.value;
  if (e.type !== 'BinaryExpression' || e.operator !== '|') return undefined;
  const [left, right] = [constantOf(e.left as Expression), constantOf(e.right)];
  return left === undefined || right === undefined ? undefined : left | right;
}

function source({ id, params, body }: FunctionDeclaration, constants: ReadonlyMap<string, number>): string {
  const statements = (substitute(body, constants) as typeof body).body as Statement[];
  const names = params.map((p) => (p as Identifier).name);
  return functionOf(new FlagPrinter(NOWHERE).module(id.name, names, statements, '0'));
}

/** A copy with the values of constants. */
function substitute(node: unknown, constants: ReadonlyMap<string, number>): unknown {
  if (Array.isArray(node)) return node.map((each) => substitute(each, constants));
  if (node === null || typeof node !== 'object') return node;
  const n = node as Node;
  if (n.type === 'Identifier' && constants.has(n.name)) return numeral(constants.get(n.name)!);
  if (n.type === 'MemberExpression' && n.object.type === 'Identifier' && n.object.name === 'FlagOperation')
    return numeral(FlagOperation[(n.property as Identifier).name as keyof typeof FlagOperation]);
  return Object.fromEntries(Object.entries(n).map(([key, value]) => [key, substitute(value, constants)]));
}

/** What a module consists of besides imports. */
const functionOf = (module: string): string =>
  module.slice(module.indexOf('function '), module.lastIndexOf('return '));

/** What these functions take, they coerce. */
class FlagPrinter extends AsmPrinter {
  protected override argument(e: Expression): string {
    return `(${this.any(e)} | 0)`;
  }
}
