/**
 * ESTree → source text in the subset of JavaScript that the host compiles ahead of time (asm.js working draft, 2014): the same program with types spelled
 * out. A region in this form runs at full speed from its first instruction, needs no type feedback and is never deoptimised; a host without
 * such a compiler runs it as ordinary JavaScript with the same meaning.
 *
 * A coercion is added only where it changes nothing, because the operand is known to be an int32 or the operator coerces it anyway. What would need another is
 * refused with `NotInSubset`, and the region stays ordinary JavaScript. Locals are int32, or doubles or singles where their first value is one;
 * declarations share variables where their scopes do not meet. Singles stay doubles for whoever reads the code: an operation on two of them is one of singles
 * only where Math.fround rounds it at once, which is the same number.
 */
import type {
  AssignmentExpression,
  BinaryExpression,
  CallExpression,
  ConditionalExpression,
  Expression,
  LogicalExpression,
  MemberExpression,
  Statement,
  SwitchCase,
  UnaryExpression,
  VariableDeclaration,
} from 'estree';
import { js } from '../emit/quote.js';
import {
  ARRAYS,
  DOUBLE_MATH,
  INTEGER_MATH,
  LOADS,
  mathCall,
  ROUNDED,
  SHIFTS,
  STORES,
  viewCall,
  VIEWS,
  type AsmLayout,
  type View,
} from './asm-places.js';
import {
  commonForm,
  DOUBLE,
  doubleForm,
  doubleLiteral,
  FIXNUM,
  FLOAT,
  floatForm,
  INITIAL,
  INT,
  INTISH,
  isMagnitude,
  refuse,
  SIGNED,
  signedForm,
  UNSIGNED,
  type Kind,
  type Type,
} from './asm-types.js';
import { Names } from './asm-names.js';
import * as Level from './asm-levels.js';
import { COMPARISONS, isAtom, isBoolean, joinsBoth, masked } from './branchless.js';

export type { AsmLayout } from './asm-places.js';
export { NotInSubset } from './asm-types.js';

export class AsmPrinter {
  /** Functions of the environment that the code calls. */
  readonly imports = new Set<string>();
  private readonly layout: AsmLayout;
  /** Functions of the environment whose results are doubles; those of others are int32. */
  private readonly doubles: ReadonlySet<string>;
  /** What the module takes from the standard library. */
  protected readonly views = new Set<View>();
  private readonly math = new Set<string>();
  private usesInfinity = false;
  /** Type of the expression printed last. */
  private type: Type = INT;
  private readonly names = new Names();

  constructor(layout: AsmLayout, doubles: ReadonlySet<string> = new Set()) {
    this.layout = layout;
    this.doubles = doubles;
  }

  /** The module whose instance is the function `name(parameters)` with that body. */
  module(name: string, parameters: readonly string[], body: readonly Statement[], result: string): string {
    const text = this.names.settle(this.list(body));
    if ((this.names.variables.get(result)?.kind ?? INT) !== INT) refuse('a result that is no int32');
    const variables = [...this.names.variables.values()].map((v) => `${v.text} = ${this.initial(v.kind)}`);
    const declarations = variables.length > 0 ? `var ${variables.join(', ')};` : '';
    return `"use asm";
${this.library()}
${[...this.imports].map((i) => `var ${i} = env.${i};`).join(' ')}
function ${name}(${parameters.join(', ')}) {
${parameters.map((p) => `${p} = ${p} | 0;`).join(' ')}
${declarations}
${text}
return ${result} | 0;
}
return ${name};`;
  }

  private initial(kind: Kind): string {
    if (kind === FLOAT) this.math.add('fround');
    return INITIAL[kind];
  }
  private library(): string {
    const views = [...this.views].map((v) => `${v} = new stdlib.${VIEWS[v]}Array(heap)`);
    const math = [...this.math].map((name) => `${name} = stdlib.Math.${name}`);
    const all = [...views, ...math, ...(this.usesInfinity ? ['infinity = stdlib.Infinity'] : [])];
    return all.length > 0 ? `var ${all.join(', ')};` : '';
  }

  // ---- statements ----------------------------------------------------------------------------------------------------------
  private statement(s: Statement): string {
    switch (s.type) {
      case 'ExpressionStatement':
        return this.effect(s.expression);
      case 'VariableDeclaration':
        return this.declaration(s);
      case 'IfStatement': {
        const head = `if (${this.condition(s.test, Level.ANY)}) ${this.statement(s.consequent)}`;
        return s.alternate ? `${head} else ${this.statement(s.alternate)}` : head;
      }
      case 'BlockStatement':
        return this.block(s.body);
      case 'BreakStatement':
        return s.label ? `break ${s.label.name};` : 'break;';
      case 'EmptyStatement':
        return '';
      case 'LabeledStatement':
        return `${s.label.name}: ${this.statement(s.body)}`;
      case 'ForStatement':
        if (s.init || s.test || s.update) refuse('a counting loop');
        return this.names.loop(() => `while (1) ${this.statement(s.body)}`);
      case 'SwitchStatement':
        return `switch (${this.int(s.discriminant)} | 0) {${s.cases.map((c) => this.case(c)).join('\n')}}`;
      case 'ReturnStatement':
        return s.argument ? `return ${this.int(s.argument)} | 0;` : refuse('a return without a value');
      case 'ContinueStatement':
        return s.label ? `continue ${s.label.name};` : 'continue;';
      default:
        return refuse(s.type);
    }
  }

  private list(body: readonly Statement[]): string {
    let text = '';
    for (let i = 0; i < body.length; i++)
      text = i === 0 ? this.statement(body[i]!) : `${text}\n${this.statement(body[i]!)}`;
    return text;
  }
  private block(body: readonly Statement[]): string {
    const start = this.names.enter();
    const text = this.list(body);
    this.names.leave(start);
    return `{\n${text}\n}`;
  }

  private case({ test, consequent }: SwitchCase): string {
    return `${test ? `case ${this.expression(test)}` : 'default'}: ${this.list(consequent)}`;
  }

  private declaration({ declarations, kind: keyword }: VariableDeclaration): string {
    const isConstant = keyword === 'const';
    let text = '';
    for (let i = 0; i < declarations.length; i++) {
      const { id, init } = declarations[i]!;
      if (id.type !== 'Identifier' || !init) return refuse('a declaration without a value');
      if (isConstant && init.type === 'Identifier' && this.names.isSame(id.name, init.name)) continue;
      // The value first: it may mention an outer variable of that name.
      const value = this.expression(init, Level.ANY);
      const kind = this.type >= DOUBLE ? (this.type as Kind) : INT;
      if (this.type === INTISH) refuse('a sum without a coercion');
      text += `${i === 0 ? '' : ' '}${this.names.declare(id.name, kind, isConstant).text} = ${value};`;
    }
    return text;
  }

  private effect(e: Expression): string {
    if (e.type === 'AssignmentExpression') return `${this.assignment(e)};`;
    if (e.type !== 'CallExpression') return refuse(`${e.type} as a statement`);
    const to = viewCall(e);
    return to ? this.store(to.view, to.method, e.arguments as Expression[]) : `${this.call(e)};`;
  }

  private assignment({ operator, left, right }: AssignmentExpression): string {
    if (operator !== '=') refuse(`operator ${operator}`);
    if (left.type === 'Identifier') {
      const variable = this.names.variable(left.name);
      if (variable === undefined) return `${left.name} = ${this.int(right, Level.ANY)}`;
      return `${variable.text} = ${this.as(variable.kind, right)}`;
    }
    if (left.type !== 'MemberExpression') return refuse(left.type);
    const { view, place } = this.element(left);
    return `${place} = ${this.toView(view, right)}`;
  }
  /** As what a variable of that kind holds. */
  private as(kind: Kind, e: Expression): string {
    if (kind === INT) return this.int(e, Level.ANY);
    if (kind === DOUBLE) return this.double(e);
    const text = this.expression(e);
    return floatForm(e, text, this.type) ?? refuse('a double as a single');
  }
  /** As an element of a view; singles are rounded by the store. */
  private toView(view: View, e: Expression): string {
    if (view !== 'F32' && view !== 'F64') return this.int(e, Level.ANY);
    const text = this.expression(e);
    return view === 'F32' && this.type === FLOAT ? text : doubleForm(text, this.type);
  }

  private store(name: string, method: string, [at, value]: readonly Expression[]): string {
    const view = STORES[method] ?? refuse(method);
    const aligned = (): string =>
      `${this.at(view, this.any(at!, Level.SHIFT))} = ${this.toView(view, value!)};`;
    if (name === 'dv') return aligned();
    if (view === 'F32' || view === 'F64') refuse('a misaligned number');
    const bytes = view === 'I32' ? [0, 1, 2, 3] : [0, 1];
    const split = bytes.map(
      (i) => `${this.at('U8', this.byteAt(at!, i))} = ${this.int(js`${value!} >> ${8 * i}`, Level.ANY)};`,
    );
    return `if (${this.any(js`${at!} & ${bytes.length - 1}`)}) { ${split.join(' ')} } else { ${aligned()} }`;
  }
  /** The element at a byte offset. */
  protected at(view: View, offset: string): string {
    this.views.add(view);
    return view === 'U8' ? `U8[${offset}]` : `${view}[${offset} >> ${SHIFTS[view]}]`;
  }

  private byteAt(at: Expression, i: number): string {
    if (at.type !== 'Identifier') refuse('a misaligned access at a computed place');
    return i === 0 ? this.int(at) : `${this.int(at)} + ${i} >> 0`;
  }

  // ---- expressions ---------------------------------------------------------------------------------------------------------
  /** As an operand of an operator that coerces to 32 bits. */
  protected any(e: Expression, least: number = Level.ATOM): string {
    const text = this.expression(e, least);
    return this.type >= DOUBLE ? `(~~${doubleForm(text, this.type)})` : text;
  }
  /** As an int32 or uint32: nothing is lost by taking its 32 bits. */
  private int(e: Expression, least: number = Level.ATOM): string {
    const text = this.expression(e, least);
    if (this.type >= INTISH) refuse(`${e.type} without a coercion`);
    return text;
  }
  private double(e: Expression): string {
    return doubleForm(this.expression(e), this.type);
  }
  /** As a condition: any int. */
  private condition(e: Expression, least: number = Level.ATOM): string {
    if (e.type === 'LogicalExpression') return this.logical(e, least);
    if (e.type === 'UnaryExpression' && e.operator === '!') return `(!${this.condition(e.argument)})`;
    const text = this.expression(e, least);
    if (this.type >= DOUBLE) refuse('a floating-point condition');
    return this.type === INT || this.type <= SIGNED ? text : `(${text} | 0)`;
  }
  private logical(e: LogicalExpression, least: number): string {
    const { operator, left, right } = e;
    if (operator === '??') refuse('??');
    const level = !joinsBoth(e) ? Level.ANY : operator === '&&' ? Level.AND : Level.OR;
    const [a, b] = [this.condition(left, level), this.condition(right, level)];
    if (level !== Level.ANY) return Level.within(least, level, `${a} ${operator === '&&' ? '&' : '|'} ${b}`);
    return operator === '&&' ? `((${a}) ? (${b}) | 0 : 0)` : `((${a}) ? 1 : (${b}) | 0)`;
  }

  private typed(type: Type, text: string): string {
    this.type = type;
    return text;
  }

  /** In parentheses where its operator binds less than `least`. */
  private expression(e: Expression, least: number = Level.ATOM): string {
    switch (e.type) {
      case 'Identifier':
        return this.identifier(e.name);
      case 'BinaryExpression':
        return this.binary(e, least);
      case 'Literal':
        return this.literal(e.value);
      case 'MemberExpression': {
        const { view, place } = this.element(e);
        return this.read(view, place, least);
      }
      case 'UnaryExpression':
        return this.unary(e);
      case 'LogicalExpression':
        return this.typed(INT, this.logical(e, least));
      case 'ConditionalExpression':
        return this.choice(e);
      case 'CallExpression':
        return this.result(e, least);
      default:
        return refuse(e.type);
    }
  }

  private identifier(name: string): string {
    const variable = this.names.variable(name);
    if (variable !== undefined) return this.typed(variable.kind, variable.text);
    if (name !== 'Infinity') return this.typed(INT, name);
    this.usesInfinity = true;
    return this.typed(DOUBLE, 'infinity');
  }
  private read(view: View, place: string, least: number): string {
    if (view === 'F64') return this.typed(DOUBLE, `(+${place})`);
    if (view !== 'F32') return this.typed(SIGNED, Level.within(least, Level.OR, `${place} | 0`));
    return this.rounded(place);
  }
  private rounded(text: string): string {
    this.math.add('fround');
    return this.typed(FLOAT, `fround(${text})`);
  }
  private choice({ test, consequent, alternate }: ConditionalExpression): string {
    const condition = this.condition(test);
    const a = this.expression(consequent);
    const typeA = this.type;
    const b = this.expression(alternate);
    const typeB = this.type;
    const ints = typeA <= INT && typeB <= INT;
    if (ints && isAtom(consequent) && isAtom(alternate))
      return this.typed(INT, masked(isBoolean(test) ? condition : `((${condition} | 0) != 0)`, a, b));
    const [type, form] = commonForm(consequent, a, typeA, alternate, b, typeB);
    const text = `(${condition} ? ${form[0]} : ${form[1]})`;
    return this.typed(type === SIGNED || type === UNSIGNED ? INT : type, text);
  }
  private literal(value: unknown): string {
    if (typeof value === 'boolean') return this.typed(FIXNUM, value ? '1' : '0');
    if (typeof value !== 'number') return refuse(`the literal ${String(value)}`);
    if (!Number.isInteger(value) || value > 0xffffffff) return this.typed(DOUBLE, doubleLiteral(value));
    return this.typed(value <= 0x7fffffff ? FIXNUM : UNSIGNED, String(value));
  }

  private unary({ operator, argument }: UnaryExpression): string {
    if (operator === '!') return this.typed(INT, `(!${this.condition(argument)})`);
    if (operator === '+') {
      const text = this.expression(argument);
      return this.typed(DOUBLE, doubleForm(text, this.type));
    }
    if (operator === '~') return this.typed(SIGNED, `(~${this.any(argument)})`);
    if (operator !== '-') return refuse(`operator ${operator}`);
    if (argument.type === 'Literal' && isMagnitude(argument.value))
      return this.typed(SIGNED, `-${argument.value}`);
    const text = this.expression(argument);
    if (this.type === FLOAT) return this.rounded(`-${text}`);
    if (this.type === INTISH) refuse('a difference of sums');
    if (argument.type === 'Literal') return this.typed(DOUBLE, `(-${doubleForm(text, this.type)})`);
    return this.typed(this.type === DOUBLE ? DOUBLE : INTISH, `(-${text})`);
  }

  private binary(e: BinaryExpression, least: number): string {
    const { operator, right } = e;
    const left = e.left as Expression;
    switch (operator) {
      case '|':
      case '&':
      case '^':
      case '<<':
      case '>>':
      case '>>>':
        return this.bitwise(operator, left, right, least);
      case '+':
      case '-':
        return this.sum(operator, left, right, least);
      case '*':
        return this.typed(DOUBLE, `(${this.double(left)} * ${this.double(right)})`);
      case '/':
        return this.alike('/', left, right, Level.ATOM);
      default:
        return this.alike(COMPARISONS.get(operator) ?? refuse(operator), left, right, least);
    }
  }
  private bitwise(operator: Level.Operator, left: Expression, right: Expression, least: number): string {
    const level = Level.OF[operator];
    const text = `${this.any(left, level)} ${operator} ${this.any(right, level + 1)}`;
    this.type = operator === '>>>' ? UNSIGNED : SIGNED;
    return Level.within(least, level, text);
  }

  /**
   * Both sides signed, both unsigned, or both floating point; a variable counts as signed. A quotient of int32s, coerced to 32 bits as it has to be, is their integer
   * quotient: no rounding of a double reaches the next integer.
   */
  private alike(operator: Level.Operator, left: Expression, right: Expression, least: number): string {
    const level = Level.OF[operator];
    const a = this.expression(left, level);
    const typeA = this.type;
    const b = this.expression(right, level + 1);
    const typeB = this.type;
    this.type = operator === '/' ? INTISH : INT;
    if (typeA === INT && typeB <= SIGNED) return Level.within(least, level, `(${a} | 0) ${operator} ${b}`);
    const [type, common] = commonForm(left, a, typeA, right, b, typeB);
    const divides = operator === '/' && type >= DOUBLE;
    if (divides) this.type = DOUBLE;
    const form = divides ? [doubleForm(a, typeA), doubleForm(b, typeB)] : common;
    return Level.within(least, level, `${form[0]} ${operator} ${form[1]}`);
  }
  private sum(operator: string, left: Expression, right: Expression, least: number): string {
    const a = this.expression(left, Level.SUM);
    const typeA = this.type;
    const b = this.expression(right, Level.PRODUCT);
    const typeB = this.type;
    if (typeA >= DOUBLE || typeB >= DOUBLE)
      return this.typed(DOUBLE, `(${doubleForm(a, typeA)} ${operator} ${doubleForm(b, typeB)})`);
    if (typeA === INTISH || typeB === INTISH) refuse('a sum of sums without a coercion');
    return this.typed(INTISH, Level.within(least, Level.SUM, `${a} ${operator} ${b}`));
  }

  /** A place in one of the arrays that share the buffer, as an lvalue or to be coerced. */
  protected element({ object, property }: MemberExpression): { view: View; place: string } {
    const name = object.type === 'Identifier' ? object.name : refuse('an element of an expression');
    const index = property as Expression;
    if (name === 'u8') return { view: 'U8', place: this.at('U8', this.index(index)) };
    const [view, field] = ARRAYS[name] ?? refuse(`an element of ${name}`);
    const base = this.layout[field];
    const shift = SHIFTS[view];
    if (index.type !== 'Literal')
      return { view, place: this.at(view, `(${this.any(index, Level.SHIFT)} << ${shift}) + ${base}`) };
    this.views.add(view);
    return { view, place: `${view}[${base / (1 << shift) + (index.value as number)}]` };
  }
  private index(e: Expression): string {
    const text = this.any(e, Level.OR);
    return this.type === INTISH ? `${text} | 0` : text;
  }

  private call({ callee, arguments: list }: CallExpression): string {
    if (callee.type !== 'Identifier') return refuse('a method call');
    this.imports.add(callee.name);
    let given = '';
    for (const a of list as Expression[]) {
      if (a.type === 'Identifier' && a.name === 'cpu') continue;
      given = given === '' ? this.argument(a) : `${given}, ${this.argument(a)}`;
    }
    return `${callee.name}(${given})`;
  }
  protected argument(e: Expression): string {
    const text = this.expression(e);
    return this.type >= DOUBLE ? doubleForm(text, this.type) : signedForm(text, this.type);
  }

  private result(e: CallExpression, least: number): string {
    const view = viewCall(e);
    if (view !== undefined) return this.load(view.view, view.method, e.arguments[0] as Expression, least);
    const { callee } = e;
    if (callee.type !== 'MemberExpression') {
      const text = this.call(e);
      const double = callee.type === 'Identifier' && this.doubles.has(callee.name);
      return double
        ? this.typed(DOUBLE, `(+${text})`)
        : this.typed(SIGNED, Level.within(least, Level.OR, `${text} | 0`));
    }
    const name = mathCall(e) ?? refuse('a method call');
    return this.mathematics(name, e.arguments as Expression[], least);
  }
  private mathematics(name: string, values: readonly Expression[], least: number): string {
    if (name === 'fround') return this.single(values[0]!);
    this.math.add(name);
    if (INTEGER_MATH.has(name)) {
      const given = values.map((a) => `${this.any(a, Level.OR)} | 0`).join(', ');
      return this.typed(SIGNED, Level.within(least, Level.OR, `${name}(${given}) | 0`));
    }
    if (!DOUBLE_MATH.has(name)) return refuse(`Math.${name}`);
    const typed = values.map((a) => [this.expression(a), this.type] as const);
    const [text, type] = typed[0]!;
    if (name === 'abs' && type === FLOAT) return this.rounded(`abs(${text})`);
    return this.typed(DOUBLE, `(+${name}(${typed.map((t) => doubleForm(...t)).join(', ')}))`);
  }
  /** Math.fround: of one operation on singles, the operation on singles. */
  private single(e: Expression): string {
    if (e.type === 'BinaryExpression' && ROUNDED.has(e.operator)) {
      const a = this.expression(e.left as Expression);
      const typeA = this.type;
      const b = this.expression(e.right);
      if (typeA === FLOAT && this.type === FLOAT) return this.rounded(`${a} ${e.operator} ${b}`);
    }
    if (e.type === 'CallExpression' && mathCall(e) === 'sqrt') {
      const text = this.expression(e.arguments[0] as Expression);
      this.math.add('sqrt');
      if (this.type === FLOAT) return this.rounded(`sqrt(${text})`);
    }
    const text = this.expression(e);
    if (this.type === FLOAT) return text;
    return this.rounded(this.type <= SIGNED ? text : doubleForm(text, this.type));
  }
  private load(name: string, method: string, at: Expression, least: number): string {
    if (name === 'dv' && method === 'getUint32')
      return this.typed(UNSIGNED, `(${this.at('I32', this.any(at, Level.SHIFT))} >>> 0)`);
    const narrow = method === 'getInt16';
    const view = LOADS[method] ?? refuse(method);
    const aligned = this.read(view, this.at(view, this.any(at, Level.SHIFT)), narrow ? Level.ATOM : least);
    if (name === 'dv') return narrow ? this.typed(SIGNED, `(${aligned} << 16 >> 16)`) : aligned;
    if (narrow || view === 'F32' || view === 'F64') refuse('a misaligned number');
    const bytes = view === 'I32' ? [0, 1, 2, 3] : [0, 1];
    const joined = bytes.map((i) => `((${this.at('U8', this.byteAt(at, i))} | 0) << ${8 * i})`).join(' | ');
    const text = `(${this.any(js`${at} & ${bytes.length - 1}`)} ? ${joined} : ${aligned})`;
    return this.typed(SIGNED, text);
  }
}
