/**
 * The interpreter's hot switch, written twice from the same cases: as ordinary JavaScript for the first instructions of a guest and for machines whose memory
 * leaves no room, and as a module of the ahead-of-time subset (region/asm-printer.ts) for all that comes after. Run by `npm run build`.
 *
 * Both are functions `run(p, vb, mb, pm)`: slot, offset in CS of its page, base of that page in the code cache's map, byte offset of the mode's page table.
 * They return one of the codes in `RunEnd`, with all state in `r`.
 */
import type { Expression, MemberExpression, Node, Statement as JsStatement } from 'estree';
import {
  R_BUDGET,
  R_CPL,
  R_EIP,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_MAP_BASE,
  R_PAGE_EIP,
  R_SEGMENT_BASE,
  R_SLOT,
} from '../../runtime/state.js';
import { conditionTest, type KnownFlags } from '../emit/flags.js';
import { block, breakTo, js, labelled, statements } from '../emit/quote.js';
import { FlagKind } from '../ir.js';
import type { View } from '../region/asm-places.js';
import { AsmPrinter } from '../region/asm-printer.js';
import { FIRST_GENERATED_FORM, RunEnd, SpecialForm } from './forms.js';
import { NOWHERE } from './flag-functions.js';
import { COMPARED_FLAGS } from './slot-target.js';

/** A comparison whose flags are in ck, ca, cb and cr: of a difference, or of a result without carries. */
export type Comparison = 'DIFFERENCE' | 'RESULT';

export interface HotCase {
  readonly form: number;
  readonly body: readonly JsStatement[];
  readonly comparison?: Comparison | undefined;
  /** Of a conditional jump. */
  readonly condition?: number | undefined;
}

/**
 * While the switch runs, r[R_BUDGET] is what it was at the chain's first slot plus that slot's number, so that a chain needs no counting: all other state
 * is in `r` as well. What would be in variables the host's compiler would carry through all cases. `p` is one slot further than the one that runs.
 */
const next = (): JsStatement[] => statements`continue REGION;`;
/** The budget at slot `p`. */
const budget = (): Expression => js`r[${R_BUDGET}] - (p >> 2) | 0`;

const special = (): HotCase[] => [
  { form: SpecialForm.NONE, body: salted(statements`p = p - 4 | 0; break AT_SLOT;`) },
  { form: SpecialForm.REGION, body: salted(statements`p = p - 4 | 0; break AT_SLOT;`) },
  {
    form: SpecialForm.GOTO,
    body: salted(statements`
      n = (${budget()}) + 1 | 0; t = P[p - 3]; r[${R_BUDGET}] = n + (t >> 2) | 0; p = t;
      if (n < 96) { break AT_SLOT; }
      continue REGION;`),
  },
  {
    form: SpecialForm.NEXT,
    body: salted(statements`eip = r[${R_PAGE_EIP}] + P[p - 2] | 0; p = p - 4 | 0; break AT_EIP;`),
  },
];

const allCases = (cases: readonly HotCase[]): HotCase[] => {
  const generated = cases.map(({ form, body, comparison, condition }) => {
    const end = comparison ? [breakTo(comparison)] : condition === undefined ? next() : passed(0);
    return { form, body: salted([...statements`const w = P[p];`, ...body, ...end], 4) };
  });
  return [...special(), ...generated].sort((a, b) => a.form - b.form);
};

/**
 * What several cases compute of `p` the host's compiler would compute before it decides between them, and keep on the stack: each case has a name of its
 * own for the slot, at another distance.
 */
function salted(body: readonly JsStatement[], behind = 0): JsStatement[] {
  const salt = ++salts;
  const isP = (n: Node): boolean => n.type === 'Identifier' && n.name === 'p';
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (node === null || typeof node !== 'object') return node;
    const n = node as Node;
    if (n.type === 'MemberExpression' && n.object.type === 'Identifier' && n.object.name === 'P') {
      const { index, displacement } = split(n.property as Expression);
      if (isP(index)) return js`P[s + ${displacement - behind - 4 * salt}]`;
    }
    if (n.type === 'BinaryExpression' && (n.operator === '+' || n.operator === '-') && isP(n.left)) {
      return js`s + ${split(n).displacement - behind - 4 * salt}`;
    }
    if (n.type === 'BinaryExpression' && n.operator === '>>' && isP(n.left))
      return js`((s >> 2) - ${salt} | 0)`;
    return Object.fromEntries(Object.entries(n).map(([key, value]) => [key, visit(value)]));
  };
  return [...statements`s = p + ${4 * salt} | 0;`, ...(visit(body) as JsStatement[])];
}
let salts = 0;

/** Behind a comparison: its flags are kept, and a conditional jump that follows is decided at once. */
function compared(comparison: Comparison, cases: readonly HotCase[]): JsStatement[] {
  const jumps = cases.filter(({ condition }) => condition !== undefined);
  const known: KnownFlags =
    comparison === 'DIFFERENCE'
      ? { kind: FlagKind.SUB, width: 32, exact: true, noCarries: false }
      : { kind: FlagKind.RESULT, width: 32, exact: false, noCarries: true };
  const decide = jumps.map(({ form, condition }) => ({
    form,
    body: [
      ...statements`if (${conditionTest(COMPARED_FLAGS, known, condition!)}) { ${[breakTo('DIRECT')]} }`,
      breakTo('PASSED'),
    ],
  }));
  const second = comparison === 'DIFFERENCE' ? statements`r[${R_FLAG_B}] = cb;` : [];
  return salted(statements`
    r[${R_FLAG_KIND}] = ck; r[${R_FLAG_A}] = ca; ${second}; r[${R_FLAG_RESULT}] = cr;
    f = P[p] & 4095;
    if (f - ${jumps[0]!.form} >>> 0 > ${jumps.length - 1}) { continue REGION; }
    p = p + 4 | 0;
    ${labelled('PASSED', block(tree(decide)))}
    ${passed(1)}`);
}

/** A conditional jump was not taken. */
const passed = (behind: number): JsStatement[] =>
  statements`ways[(p >> 2) + ${behind}] = ways[(p >> 2) + ${behind}] + 1 | 0; continue REGION;`;

/** A direct branch is taken: to a known slot on the page; unresolved ones are looked up once. Backward branches count, by offset: slots lie in the order in
 * which they were decoded. */
const direct = (): JsStatement[] =>
  salted(statements`
    ways[(p >> 2) - 1] = ways[(p >> 2) - 1] + 1 | 0;
    t = P[p - 3];
    if (t === 0) {
      if (P[p - 2] >>> 0 < 4096) { t = MAP[r[${R_MAP_BASE}] + P[p - 2] | 0]; P[p - 3] = t; }
      if (t === 0) { e = r[${R_PAGE_EIP}] + P[p - 2] | 0; counts = 1; ${[breakTo('INDIRECT')]} }
    }
    n = ${budget()};
    r[${R_BUDGET}] = n + (t >> 2) | 0;
    if (P[p - 2] <= (P[p - 1] & 4095)) {
      h = heat[t >> 2] - 1 | 0;
      heat[t >> 2] = h;
      if (h < 0) { end = ${RunEnd.HOT}; p = t; break AT_SLOT; }
    }
    p = t;
    if (n < 96) { break AT_SLOT; }
    continue REGION;`);

/** On to offset `e`, whose slot is found through the execute TLB and the page's map. Where functions return to does not count as a place to translate from. */
const indirect = (): JsStatement[] =>
  salted(statements`
    lin = e + r[${R_SEGMENT_BASE + 1}] | 0; x = XT[lin >>> 12];
    n = ${budget()};
    r[${R_BUDGET}] = n + (p >> 2) | 0;
    if ((x & 1) !== 0) { eip = e; break AT_EIP; }
    h = PM[(x ^ lin) >>> 12]; t = MAP[h + (lin & 4095) | 0];
    if (t === 0) { eip = e; break AT_EIP; }
    r[${R_MAP_BASE}] = h; r[${R_PAGE_EIP}] = (lin & -4096) - r[${R_SEGMENT_BASE + 1}] | 0; p = t;
    r[${R_BUDGET}] = n + (t >> 2) | 0;
    if (counts !== 0) {
      h = heat[t >> 2] - 1 | 0;
      heat[t >> 2] = h;
      if (h < 0) { end = ${RunEnd.HOT}; break AT_SLOT; }
    }
    if (n < 96) { break AT_SLOT; }
    continue REGION;`);

/** The body of `run`; `choice` leads to the case for form `f`. */
function body(choice: readonly JsStatement[], cases: readonly HotCase[]): JsStatement[] {
  const label = (name: string, content: readonly JsStatement[]): JsStatement =>
    labelled(name, block(content));
  const decided = [
    label('DIFFERENCE', [label('RESULT', choice), ...compared('RESULT', cases)]),
    ...compared('DIFFERENCE', cases),
  ];
  const loop: JsStatement = {
    type: 'ForStatement',
    body: block([
      ...statements`f = P[p] & 4095; p = p + 4 | 0;`,
      label('TAIL', [label('INDIRECT', [label('DIRECT', decided), ...direct()]), ...indirect()]),
      ...salted(statements`
        r[${R_BUDGET}] = (${budget()}) + 1 | 0;
        r[${R_SLOT}] = p - 4 | 0;
        return ${RunEnd.HANDLER};`),
    ]),
  };
  return [
    ...statements`
      let end = ${RunEnd.DISPATCH}, eip = 0, e = 0, counts = 0, t = 0, f = 0, lin = 0, x = 0, n = 0, h = 0, s = 0, ck = 0, ca = 0, cb = 0, cr = 0;
      r[${R_BUDGET}] = r[${R_BUDGET}] + (p >> 2) | 0;
      r[${R_PAGE_EIP}] = vb; r[${R_MAP_BASE}] = mb;`,
    label('AT_EIP', [
      label('AT_SLOT', [labelled('REGION', loop)]),
      ...statements`eip = r[${R_PAGE_EIP}] + (P[p + 3] & 4095) | 0;`,
    ]),
    ...statements`r[${R_BUDGET}] = ${budget()}; r[${R_EIP}] = eip;`,
  ];
}

/** As statements that end in `return end`, for a function with the tables of its privilege level in scope. */
export function plainBody(cases: readonly HotCase[]): JsStatement[] {
  const choice: JsStatement = {
    type: 'SwitchStatement',
    discriminant: js`f`,
    cases: [
      ...allCases(cases).map(({ form, body: consequent }) => ({
        type: 'SwitchCase' as const,
        test: js`${form}`,
        consequent: [{ type: 'BlockStatement' as const, body: [...consequent] }],
      })),
      { type: 'SwitchCase', test: null, consequent: statements`break TAIL;` },
    ],
  };
  return [...body([choice], cases), ...statements`return end;`];
}

/** The same decision by halving, earlier forms first: the host makes a chain of comparisons of a switch in the subset. */
function tree(cases: readonly HotCase[]): JsStatement[] {
  if (cases.length === 1) return [...cases[0]!.body];
  const middle = splitAt(cases.map(({ form }) => weight(form)));
  const [low, high] = [cases.slice(0, middle), cases.slice(middle)];
  return statements`if (f < ${cases[middle]!.form}) { ${tree(low)} } else { ${tree(high)} }`;
}
/** Where to cut so that both sides are as heavy as can be. */
function splitAt(weights: readonly number[]): number {
  const whole = weights.reduce((sum, w) => sum + w, 0);
  let low = 0;
  let best = 1;
  let difference = Infinity;
  for (let i = 1; i < weights.length; i++) {
    low += weights[i - 1]!;
    const d = Math.abs(whole - 2 * low);
    if (d < difference) [difference, best] = [d, i];
  }
  return best;
}
/** How often forms are executed falls with their number. */
const weight = (form: number): number =>
  form < FIRST_GENERATED_FORM ? 0.002 : 1 / (form - FIRST_GENERATED_FORM + 8);

/** Text of the module with places in the processor's area as `$name+bytes$`; with `/` for `+` divided by four. It imports nothing but has functions of its own. */
export function aheadModule(cases: readonly HotCase[], own: ReadonlyMap<string, string>): string {
  const all = allCases(cases);
  all.push({ form: all.at(-1)!.form + 1, body: statements`break TAIL;` });
  all.splice(4, 0, { form: SpecialForm.NEXT + 1, body: statements`break TAIL;` });
  const privilege = statements`let tb = (r[${R_CPL}] === 3 ? ${TABLE_BYTES} : 0);`;
  const parameters = ['p', 'vb', 'mb', 'pm'];
  const module = new SwitchPrinter(NOWHERE).module(
    'run',
    parameters,
    [...privilege, ...body(tree(all), cases)],
    'end',
  );
  const [, , imports = ''] = module.split('\n');
  return module.replace(imports, [...own.values()].join('\n'));
}

const TABLE_BYTES = 4 << 20;

class SwitchPrinter extends AsmPrinter {
  protected override element(e: MemberExpression): { view: View; place: string } {
    const name = e.object.type === 'Identifier' ? e.object.name : '';
    const property = e.property as Expression;
    if (name === 'u8') return super.element(e);
    if (name === 'r8') return { view: 'U8', place: this.at('U8', `(${this.any(property)} + $r+0$) | 0`) };
    if (property.type !== 'Literal')
      return { view: 'I32', place: this.at('I32', this.offset(name, property)) };
    this.views.add('I32');
    return { view: 'I32', place: `I32[$${name}/${property.value as number}$]` };
  }

  private offset(name: string, property: Expression): string {
    const { index, displacement } = split(property);
    const scaled = `(${this.any(index)} << 2)`;
    if (name === 'PM') return `(${scaled} + pm)`;
    const base = `$${name}${displacement < 0 ? '-' : '+'}${4 * Math.abs(displacement)}$`;
    return TABLES.has(name) ? `(((${scaled} + tb) | 0) + ${base})` : `(${scaled} + ${base})`;
  }
}
/** Arrays that exist for each privilege level. */
const TABLES = new Set(['RT', 'WT', 'XT']);

/** An index with a constant taken out of it. */
function split(e: Expression): { index: Expression; displacement: number } {
  if (e.type !== 'BinaryExpression' || (e.operator !== '+' && e.operator !== '-'))
    return { index: e, displacement: 0 };
  const value = constantOf(e.right);
  if (value === undefined) return { index: e, displacement: 0 };
  return { index: e.left as Expression, displacement: e.operator === '+' ? value : -value };
}
function constantOf(e: Expression): number | undefined {
  if (e.type === 'UnaryExpression' && e.operator === '-') {
    const value = constantOf(e.argument);
    return value === undefined ? undefined : -value;
  }
  return e.type === 'Literal' && typeof e.value === 'number' ? e.value : undefined;
}
