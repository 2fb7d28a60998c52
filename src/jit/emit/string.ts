/** Repeated string instructions in regions: what surrounds the calls of runtime/helpers/string-runs.ts. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import { EAX, ECX, EDI, ESI, R_FLAG_A, R_FLAG_B, R_FLAG_KIND, R_FLAG_RESULT } from '../../runtime/state.js';
import { js, statements } from './quote.js';

/** Instructions with such a run, if they repeat. */
export const STRING_RUNS: ReadonlySet<string> = new Set(['MOVS', 'STOS', 'SCAS', 'CMPS']);

export interface StringRunCode {
  readonly body: JsStatement[];
  /** Name of the number of elements done. */
  readonly done: string;
  /** The instruction goes on. */
  readonly unfinished: Expression;
  readonly setsFlags: boolean;
  /** Registers written. */
  readonly changed: readonly number[];
}

/** `done` begins a name that is unique; `reserve`: budget that must remain; `name` gives a register's variable. */
export function stringRun(
  instruction: Instruction,
  prefix: string,
  reserve: number,
  name: (register: number) => string,
): StringRunCode {
  const { mnemonic } = instruction;
  const first = instruction.operands[mnemonic === 'SCAS' ? 1 : 0]!;
  const width = first.kind === 'memory' ? first.width : 0;
  if (width !== 8 && width !== 16 && width !== 32) throw new Error(`${mnemonic} without a width`);
  const shift = width === 8 ? 0 : width === 16 ? 1 : 2;
  const done = `${prefix}n`;
  const [counter, to] = [name(ECX), name(EDI)];
  const compares = mnemonic === 'SCAS' || mnemonic === 'CMPS';
  const usesSource = mnemonic === 'MOVS' || mnemonic === 'CMPS';
  const whileEqual = instruction.rep === 0xf3 ? 1 : 0;
  const limit = js`n - ${reserve} | 0`;
  const accumulator = (): Expression =>
    width === 32 ? js`${name(EAX)}` : js`${name(EAX)} & ${width === 8 ? 0xff : 0xffff}`;
  const call = (): Expression => {
    if (mnemonic === 'MOVS') return js`moveRun(${name(ESI)}, ${to}, ${counter}, ${limit}, ${shift})`;
    if (mnemonic === 'STOS') return js`storeRun(${to}, ${counter}, ${limit}, ${shift}, ${name(EAX)})`;
    if (mnemonic === 'SCAS')
      return js`scanRun(${to}, ${counter}, ${limit}, ${shift}, ${accumulator()}, ${whileEqual})`;
    return js`compareRun(${name(ESI)}, ${to}, ${counter}, ${limit}, ${shift}, ${whileEqual})`;
  };
  const flags = compares
    ? statements`if (${done} !== 0) {
        fk = r[${R_FLAG_KIND}]; fa = r[${R_FLAG_A}]; fb = r[${R_FLAG_B}]; fr = r[${R_FLAG_RESULT}];
      }`
    : [];
  const source = usesSource ? statements`${name(ESI)} = ${name(ESI)} + (${done} << ${shift}) | 0;` : [];
  return {
    body: statements`
      const ${done} = ${call()};
      ${source};
      ${to} = ${to} + (${done} << ${shift}) | 0;
      ${counter} = ${counter} - ${done} | 0;
      n = n - ${done} | 0;
      ${flags};`,
    done,
    unfinished: compares
      ? js`${counter} !== 0 && (${done} === 0 || ${whileEqual ? js`fr === 0` : js`fr !== 0`})`
      : js`${counter} !== 0`,
    setsFlags: compares,
    changed: usesSource ? [ECX, ESI, EDI] : [ECX, EDI],
  };
}
