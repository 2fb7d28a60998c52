/** The intermediate representation as text, for reports and documents. */
import { FlagKind } from '../jit/ir.js';
import type { Register, Semantic, Statement, Value } from '../jit/ir.js';

const GPR: Readonly<Record<number, readonly string[]>> = {
  8: ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'],
  16: ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'],
  32: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'],
};
const INFIX: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shrU: '>>>',
  shrS: '>>',
  eq: '==',
  ne: '!=',
  ltU: '<u',
  leU: '<=u',
  ltS: '<s',
  leS: '<=s',
};
const KINDS = new Map<number, string>(Object.entries(FlagKind).map(([name, kind]) => [kind, name]));

function registerText(register: Register, width: number): string {
  if (register.kind === 'slot') return `slot.${register.field}`;
  if (register.high) return ['ah', 'ch', 'dh', 'bh'][register.index]!;
  return GPR[width]?.[register.index] ?? `r${register.index}`;
}
const number = (value: number): string =>
  value > -10 && value < 10 ? String(value) : `0x${(value >>> 0).toString(16)}`;

export function valueText(v: Value): string {
  switch (v.op) {
    case 'const':
      return number(v.value);
    case 'gpr':
      return registerText(v.register, v.width);
    case 'temp':
      return `t${v.id}`;
    case 'state':
      return `state[${v.index}]`;
    case 'eip':
      return v.next ? 'nextEip' : 'eip';
    case 'target':
      return 'target';
    case 'immediate':
      return `immediate.${v.width}`;
    case 'slotAddress':
      return `slotAddress.${v.addressSize}${v.segmented ? '' : ' (offset)'}`;
    case 'slotSegment':
      return 'slotSegment';
    case 'zeroExtend':
    case 'signExtend':
    case 'truncate':
      return `${v.op}.${v.width}(${valueText(v.value)})`;
    case 'select':
      return `(${valueText(v.condition)} ? ${valueText(v.then)} : ${valueText(v.else)})`;
    case 'divideLong':
      return `divideLong(${valueText(v.high)}, ${valueText(v.low)}, ${valueText(v.divisor)})`;
    case 'condition':
      return `condition(${v.cc})`;
    case 'code':
      return `code(${v.at})`;
    case 'carry':
    case 'statusFlags':
      return v.op;
    case 'not':
    case 'neg':
    case 'clz':
    case 'isZero':
      return `${v.op}(${valueText(v.value)})`;
    default: {
      const infix = INFIX[v.op];
      const [left, right] = [valueText(v.left), valueText(v.right)];
      return infix ? `(${left} ${infix} ${right})` : `${v.op}(${left}, ${right})`;
    }
  }
}

/** One line a statement, nested ones indented. */
export function statementLines(s: Statement): string[] {
  switch (s.op) {
    case 'let':
      return [`t${s.id} = ${valueText(s.value)}`];
    case 'load':
      return [`t${s.id} = load.${s.width}${s.forWrite ? ' for write' : ''} [${valueText(s.address)}]`];
    case 'store':
      return [
        `store.${s.width} [${valueText(s.address)}] = ${valueText(s.value)}${s.of < 0 ? '' : ` (checked by t${s.of})`}`,
      ];
    case 'setGpr':
      return [`${registerText(s.register, s.width)} = ${valueText(s.value)}`];
    case 'setState':
      return [`state[${s.index}] = ${valueText(s.value)}`];
    case 'setFlags':
      return [
        `flags.${s.width} = ${KINDS.get(s.kind)}(${[s.a, s.b, s.result].map(valueText).join(', ')})${s.exact ? '' : ' with carry'}`,
      ];
    case 'patchFlags':
      return [`flags[${number(s.mask)}] = ${valueText(s.bits)}`];
    case 'when':
      return whenLines(s);
    case 'fault':
      return [`fault ${s.vector}, ${s.errorCode}`];
    case 'helper':
      return [`${s.id < 0 ? '' : `t${s.id} = `}helper ${s.name}(${s.args.map(valueText).join(', ')})`];
    case 'quick':
      return ['quick', ...s.slow.flatMap(statementLines).map((line) => `  ${line}`)];
    case 'segment':
      return [
        `t${s.id} = linear${s.write ? ' for write' : ''} ${s.size} bytes at ${valueText(s.segment)}:${valueText(s.offset)}`,
      ];
    case 'jump':
      return [`${s.condition ? `if ${valueText(s.condition)} ` : ''}jump (${s.kind}) ${valueText(s.to)}`];
    case 'repeat':
      return [`repeat if ${valueText(s.condition)}`];
  }
}
function whenLines(s: Extract<Statement, { op: 'when' }>): string[] {
  const indented = (body: readonly Statement[]): string[] =>
    body.flatMap(statementLines).map((line) => `  ${line}`);
  const lines = [`when ${valueText(s.condition)}`, ...indented(s.then)];
  return s.else.length > 0 ? [...lines, 'else', ...indented(s.else)] : lines;
}
export const semanticLines = (semantic: Semantic): string[] => semantic.statements.flatMap(statementLines);
