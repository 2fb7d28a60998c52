/**
 * ESTree → source text in the subset of JavaScript that the host compiles ahead of time (asm.js working draft, 2014): the same program with types spelled
 * out. A region in this form runs at full speed from its first instruction, needs no type feedback and is never deoptimised; a host without
 * such a compiler runs it as ordinary JavaScript with the same meaning.
 *
 * A coercion is added only where it changes nothing, because the operand is known to be an int32 or the operator coerces it anyway. What would need another is
 * refused with `NotInSubset`, and the region stays ordinary JavaScript. All locals are int32; declarations share variables where their scopes do not meet.
 */
import type {
  AssignmentExpression,
  BinaryExpression,
  CallExpression,
  Expression,
  LogicalExpression,
  MemberExpression,
  Statement,
  SwitchCase,
  UnaryExpression,
  VariableDeclaration,
} from 'estree';
import { js } from '../emit/quote.js';

export class NotInSubset extends Error {}

/** Byte offsets of what code refers to by name. */
export interface AsmLayout {
  readonly buffer: ArrayBuffer;
  readonly r: number;
  readonly RT: number;
  readonly WT: number;
}

/** Types of asm.js, section 2; `INT` is an int32 or uint32 of unknown sign, `INTISH` may exceed 32 bits before the coercion that has to follow. */
const Type = { FIXNUM: 0, SIGNED: 1, UNSIGNED: 2, INT: 3, INTISH: 4, DOUBLE: 5 } as const;
type Type = (typeof Type)[keyof typeof Type];

const COMPARISONS: Readonly<Record<string, string>> = {
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '===': '==',
  '!==': '!=',
};
const BITWISE = new Set(['|', '&', '^', '<<', '>>', '>>>']);
const MATH: Readonly<Record<string, string>> = { imul: 'imul', clz32: 'clz32', floor: 'floor' };

function refuse(what: string): never {
  throw new NotInSubset(`${what} is not in the subset`);
}

export class AsmPrinter {
  /** Functions of the environment that the code calls. */
  readonly imports = new Set<string>();
  private readonly layout: AsmLayout;
  /** Type of the expression printed last. */
  private type: Type = Type.INT;
  /** Declared name → variable, innermost scope last. */
  private readonly scopes: Map<string, string>[] = [new Map()];
  private free: string[] = [];
  private readonly variables = new Set<string>();

  constructor(layout: AsmLayout) {
    this.layout = layout;
  }

  /** The module whose instance is the function `name(parameters)` with that body. */
  module(name: string, parameters: readonly string[], body: readonly Statement[], result: string): string {
    const text = body.map((s) => this.statement(s)).join('\n');
    const declarations =
      this.variables.size > 0 ? `var ${[...this.variables].map((v) => `${v} = 0`).join(', ')};` : '';
    const imports = [...this.imports].map((i) => `var ${i} = env.${i};`).join(' ');
    return `"use asm";
var I32 = new stdlib.Int32Array(heap), U16 = new stdlib.Uint16Array(heap), U8 = new stdlib.Uint8Array(heap);
var imul = stdlib.Math.imul, clz32 = stdlib.Math.clz32, floor = stdlib.Math.floor;
${imports}
function ${name}(${parameters.join(', ')}) {
${parameters.map((p) => `${p} = ${p} | 0;`).join(' ')}
${declarations}
${text}
return ${result} | 0;
}
return ${name};`;
  }

  // ---- statements ----------------------------------------------------------------------------------------------------------
  private statement(s: Statement): string {
    switch (s.type) {
      case 'BlockStatement':
        return this.block(s.body);
      case 'EmptyStatement':
        return '';
      case 'VariableDeclaration':
        return this.declaration(s);
      case 'ExpressionStatement':
        return this.effect(s.expression);
      case 'IfStatement': {
        const head = `if (${this.condition(s.test)}) ${this.statement(s.consequent)}`;
        return s.alternate ? `${head} else ${this.statement(s.alternate)}` : head;
      }
      case 'LabeledStatement':
        return `${s.label.name}: ${this.statement(s.body)}`;
      case 'ForStatement':
        if (s.init || s.test || s.update) refuse('a counting loop');
        return `while (1) ${this.statement(s.body)}`;
      case 'SwitchStatement':
        return `switch (${this.signed(s.discriminant)}) {${s.cases.map((c) => this.case(c)).join('\n')}}`;
      case 'BreakStatement':
        return s.label ? `break ${s.label.name};` : 'break;';
      case 'ReturnStatement':
        return s.argument ? `return ${this.int(s.argument)} | 0;` : refuse('a return without a value');
      case 'ContinueStatement':
        return s.label ? `continue ${s.label.name};` : 'continue;';
      default:
        return refuse(s.type);
    }
  }

  private block(body: readonly Statement[]): string {
    const scope = new Map<string, string>();
    this.scopes.push(scope);
    const text = body.map((s) => this.statement(s)).join('\n');
    this.scopes.pop();
    this.free.push(...scope.values());
    return `{\n${text}\n}`;
  }

  private case({ test, consequent }: SwitchCase): string {
    const body = consequent.map((s) => this.statement(s)).join('\n');
    return test ? `case ${this.expression(test)}: ${body}` : `default: ${body}`;
  }

  private declaration({ declarations }: VariableDeclaration): string {
    return declarations
      .map(({ id, init }) => {
        if (id.type !== 'Identifier' || !init) refuse('a declaration without a value');
        // The value first: it may mention an outer variable of that name.
        const value = this.int(init);
        return `${this.declare(id.name)} = ${value};`;
      })
      .join(' ');
  }

  private declare(name: string): string {
    const outermost = this.scopes.length === 1;
    let variable = outermost ? name : this.free.pop();
    if (variable === undefined) variable = `T${this.variables.size}`;
    this.variables.add(variable);
    this.scopes.at(-1)!.set(name, variable);
    return variable;
  }

  private variable(name: string): string {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const variable = this.scopes[i]!.get(name);
      if (variable !== undefined) return variable;
    }
    return name;
  }

  private effect(e: Expression): string {
    if (e.type === 'AssignmentExpression') return `${this.assignment(e)};`;
    if (e.type !== 'CallExpression') return refuse(`${e.type} as a statement`);
    const view = viewCall(e);
    return view === undefined
      ? `${this.call(e)};`
      : this.store(view.view, view.method, e.arguments as Expression[]);
  }

  private assignment({ operator, left, right }: AssignmentExpression): string {
    if (operator !== '=') refuse(`operator ${operator}`);
    if (left.type === 'Identifier') return `${this.variable(left.name)} = ${this.int(right)}`;
    if (left.type !== 'MemberExpression') return refuse(left.type);
    return `${this.element(left)} = ${this.int(right)}`;
  }

  private store(view: string, method: string, [at, value]: readonly Expression[]): string {
    const aligned = (): string =>
      method === 'setInt32'
        ? `I32[${this.any(at!)} >> 2] = ${this.int(value!)};`
        : `U16[${this.any(at!)} >> 1] = ${this.int(value!)};`;
    if (method !== 'setInt32' && method !== 'setUint16') refuse(method);
    if (view === 'dv') return aligned();
    const bytes = method === 'setInt32' ? [0, 1, 2, 3] : [0, 1];
    const split = bytes.map((i) => `U8[${this.byteAt(at!, i)}] = ${this.int(js`${value!} >> ${8 * i}`)};`);
    return `if (${this.any(js`${at!} & ${bytes.length - 1}`)}) { ${split.join(' ')} } else { ${aligned()} }`;
  }

  private byteAt(at: Expression, i: number): string {
    if (at.type !== 'Identifier') refuse('a misaligned access at a computed place');
    return i === 0 ? this.int(at) : `${this.int(at)} + ${i} >> 0`;
  }

  // ---- expressions ---------------------------------------------------------------------------------------------------------
  /** As an operand of an operator that coerces to 32 bits. */
  private any(e: Expression): string {
    const text = this.expression(e);
    return this.type === Type.DOUBLE ? `(~~${text})` : text;
  }
  /** As an int32 or uint32: nothing is lost by taking its 32 bits. */
  private int(e: Expression): string {
    const text = this.expression(e);
    if (this.type >= Type.INTISH) refuse(`${e.type} without a coercion`);
    return text;
  }
  private signed(e: Expression): string {
    return signedForm(this.expression(e), this.type);
  }
  private double(e: Expression): string {
    return doubleForm(this.expression(e), this.type);
  }

  /** As a condition: any int. */
  private condition(e: Expression): string {
    if (e.type === 'LogicalExpression') return this.logical(e);
    if (e.type === 'UnaryExpression' && e.operator === '!') return `(!${this.condition(e.argument)})`;
    const text = this.expression(e);
    if (this.type === Type.DOUBLE) refuse('a floating-point condition');
    return this.type === Type.INT || this.type <= Type.SIGNED ? text : `(${text} | 0)`;
  }
  private logical({ operator, left, right }: LogicalExpression): string {
    const [a, b] = [this.condition(left), this.condition(right)];
    if (operator === '??') refuse('??');
    return operator === '&&' ? `((${a}) ? (${b}) | 0 : 0)` : `((${a}) ? 1 : (${b}) | 0)`;
  }

  private typed(type: Type, text: string): string {
    this.type = type;
    return text;
  }

  private expression(e: Expression): string {
    switch (e.type) {
      case 'Literal':
        return this.literal(e.value);
      case 'Identifier':
        return this.typed(Type.INT, this.variable(e.name));
      case 'MemberExpression':
        return this.typed(Type.SIGNED, `(${this.element(e)} | 0)`);
      case 'UnaryExpression':
        return this.unary(e);
      case 'BinaryExpression':
        return this.binary(e);
      case 'LogicalExpression':
        return this.typed(Type.INT, this.logical(e));
      case 'ConditionalExpression': {
        const text = `(${this.condition(e.test)} ? ${this.signed(e.consequent)} : ${this.signed(e.alternate)})`;
        return this.typed(Type.INT, text);
      }
      case 'CallExpression':
        return this.result(e);
      default:
        return refuse(e.type);
    }
  }

  private literal(value: unknown): string {
    if (typeof value === 'boolean') return this.typed(Type.FIXNUM, value ? '1' : '0');
    if (typeof value !== 'number') return refuse(`the literal ${String(value)}`);
    if (!Number.isInteger(value) || value > 0xffffffff) return this.typed(Type.DOUBLE, doubleLiteral(value));
    return this.typed(value <= 0x7fffffff ? Type.FIXNUM : Type.UNSIGNED, String(value));
  }

  private unary({ operator, argument }: UnaryExpression): string {
    if (operator === '!') return this.typed(Type.INT, `(!${this.condition(argument)})`);
    if (operator === '~') return this.typed(Type.SIGNED, `(~${this.any(argument)})`);
    if (operator !== '-') return refuse(`operator ${operator}`);
    if (argument.type === 'Literal' && isMagnitude(argument.value))
      return this.typed(Type.SIGNED, `-${argument.value}`);
    return this.typed(Type.INTISH, `(-${this.int(argument)})`);
  }

  private binary(e: BinaryExpression): string {
    const { operator, right } = e;
    const left = e.left as Expression;
    if (operator in COMPARISONS) return this.comparison(COMPARISONS[operator]!, left, right);
    if (operator === '>>>') return this.typed(Type.UNSIGNED, `(${this.any(left)} >>> ${this.any(right)})`);
    if (BITWISE.has(operator))
      return this.typed(Type.SIGNED, `(${this.any(left)} ${operator} ${this.any(right)})`);
    if (operator === '+' || operator === '-') return this.sum(operator, left, right);
    if (operator === '*') return this.typed(Type.DOUBLE, `(${this.double(left)} * ${this.double(right)})`);
    if (operator === '/') return this.quotient(left, right);
    return refuse(`operator ${operator}`);
  }

  /** That of int32s, coerced to 32 bits as it has to be, is their integer quotient: no rounding of a double reaches the next integer. */
  private quotient(left: Expression, right: Expression): string {
    const text = this.alike('/', left, right);
    return this.typed(this.type === Type.DOUBLE ? Type.DOUBLE : Type.INTISH, text);
  }

  private comparison(operator: string, left: Expression, right: Expression): string {
    return this.typed(Type.INT, this.alike(operator, left, right));
  }

  /** Both sides signed, both unsigned, or both floating point, which `type` tells; a variable counts as signed. */
  private alike(operator: string, left: Expression, right: Expression): string {
    const [a, typeA, b, typeB] = this.pair(left, right);
    const either = (type: Type): boolean => typeA === type || typeB === type;
    const common = either(Type.DOUBLE) ? Type.DOUBLE : either(Type.UNSIGNED) ? Type.UNSIGNED : Type.SIGNED;
    const form = common === Type.DOUBLE ? doubleForm : common === Type.UNSIGNED ? unsignedForm : signedForm;
    return this.typed(common, `(${form(a, typeA)} ${operator} ${form(b, typeB)})`);
  }

  private sum(operator: string, left: Expression, right: Expression): string {
    const [a, typeA, b, typeB] = this.pair(left, right);
    if (typeA === Type.DOUBLE || typeB === Type.DOUBLE)
      return this.typed(Type.DOUBLE, `(${doubleForm(a, typeA)} ${operator} ${doubleForm(b, typeB)})`);
    if (typeA === Type.INTISH || typeB === Type.INTISH) refuse('a sum of sums without a coercion');
    return this.typed(Type.INTISH, `(${a} ${operator} ${b})`);
  }

  private pair(left: Expression, right: Expression): readonly [string, Type, string, Type] {
    const a = this.expression(left);
    const typeA = this.type;
    return [a, typeA, this.expression(right), this.type];
  }

  /** A place in one of the arrays that share the buffer, as an lvalue or to be coerced. */
  private element({ object, property }: MemberExpression): string {
    const name = object.type === 'Identifier' ? object.name : refuse('an element of an expression');
    const index = property as Expression;
    if (name === 'u8') return `U8[${this.index(index)}]`;
    if (name !== 'r' && name !== 'RT' && name !== 'WT') return refuse(`an element of ${name}`);
    const base = this.layout[name];
    if (index.type === 'Literal') return `I32[${base / 4 + (index.value as number)}]`;
    return `I32[((${this.any(index)} << 2) + ${base}) >> 2]`;
  }
  private index(e: Expression): string {
    const text = this.any(e);
    return this.type === Type.INTISH ? `(${text} | 0)` : text;
  }

  private call({ callee, arguments: list }: CallExpression): string {
    if (callee.type !== 'Identifier') return refuse('a method call');
    this.imports.add(callee.name);
    const given = (list as Expression[]).filter((a) => !(a.type === 'Identifier' && a.name === 'cpu'));
    return `${callee.name}(${given.map((a) => this.signed(a)).join(', ')})`;
  }

  private result(e: CallExpression): string {
    const view = viewCall(e);
    if (view !== undefined)
      return this.typed(Type.SIGNED, this.load(view.view, view.method, e.arguments[0] as Expression));
    const { callee } = e;
    if (callee.type !== 'MemberExpression') return this.typed(Type.SIGNED, `(${this.call(e)} | 0)`);
    const name = callee.property.type === 'Identifier' ? MATH[callee.property.name] : undefined;
    const values = e.arguments as Expression[];
    if (name === undefined) return refuse('a method call');
    if (name === 'floor') return this.typed(Type.DOUBLE, `(+floor(${this.double(values[0]!)}))`);
    return this.typed(Type.SIGNED, `(${name}(${values.map((a) => this.asInt32(a)).join(', ')}) | 0)`);
  }
  /** Arguments that the function itself coerces. */
  private asInt32(e: Expression): string {
    return `(${this.any(e)} | 0)`;
  }

  private load(view: string, method: string, at: Expression): string {
    const aligned =
      method === 'getInt32'
        ? `(I32[${this.any(at)} >> 2] | 0)`
        : method === 'getUint16'
          ? `(U16[${this.any(at)} >> 1] | 0)`
          : refuse(method);
    if (view === 'dv') return aligned;
    const bytes = method === 'getInt32' ? [0, 1, 2, 3] : [0, 1];
    const joined = bytes.map((i) => `((U8[${this.byteAt(at, i)}] | 0) << ${8 * i})`).join(' | ');
    return `(${this.any(js`${at} & ${bytes.length - 1}`)} ? ${joined} : ${aligned})`;
  }
}

/** Of a negative int32. */
const isMagnitude = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) <= 0x80000000;
function signedForm(text: string, type: Type): string {
  if (type > Type.INT || type === Type.UNSIGNED) refuse('a value that need not be an int32');
  return type === Type.INT ? `(${text} | 0)` : text;
}
function unsignedForm(text: string, type: Type): string {
  if (type !== Type.UNSIGNED && type !== Type.FIXNUM) refuse('a comparison of signed with unsigned');
  return text;
}
/** With a point, which makes it one. */
function doubleLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text.replace(/^(\d+)e/, '$1.0e') : `${text}.0`;
}
function doubleForm(text: string, type: Type): string {
  if (type === Type.DOUBLE) return text;
  if (type === Type.INTISH) refuse('a sum without a coercion');
  return type === Type.UNSIGNED ? `(+(${text} >>> 0))` : `(+(${text} | 0))`;
}

/** A call of a method of a view of RAM: `dv` where the place is aligned, `du` where it need not be. */
function viewCall({ callee }: CallExpression): { view: string; method: string } | undefined {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return undefined;
  const view = callee.object.name;
  if (view !== 'dv' && view !== 'du') return undefined;
  return { view, method: callee.property.type === 'Identifier' ? callee.property.name : '' };
}
