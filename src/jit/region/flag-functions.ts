/** `statusFlags` and `carries` of runtime/flags.ts once more, as functions that the host compiles ahead of time and that call nothing. */
import type { Expression, Statement } from 'estree';
import { js, statements } from '../emit/quote.js';
import { FlagOperation } from '../../runtime/flags.js';
import { STATUS_FLAGS } from '../../runtime/state.js';
import type { AsmFunction } from './compile.js';

/** `bits` = CF, AF and OF in place, for operations other than EXPLICIT and RESULT. */
const computed = (): Statement[] => statements`
  let c = a & 1, o = 0, n = 0;
  const shift = 0 - (kind >>> 4) | 0;
  if (operation <= ${FlagOperation.SUB}) {
    n = (a ^ b ^ result) >>> shift & 16;
    if (operation === ${FlagOperation.ADD}) {
      c = (a & b | (a | b) & ~result) >>> 31;
      o = (a ^ result) & (b ^ result);
    } else {
      c = (~a & b | (~a | b) & result) >>> 31;
      o = (a ^ b) & (a ^ result);
    }
    bits = c | n | o >>> 31 << 11;
  } else {
    n = result >>> shift & 15;
    o = result;
    if (operation === ${FlagOperation.DEC}) {
      n = n ^ 15;
      o = result + (1 << shift) | 0;
    }
    if (n === 0) { c = c | 16; }
    if (o === ${SIGN()}) { c = c | 2048; }
    bits = c;
  }`;
/** The smallest number. */
function SIGN(): Expression {
  return js`-2147483648`;
}

const parameters = ['kind', 'a', 'b', 'result'];

export const statusFlags = (): AsmFunction => ({
  parameters,
  body: statements`
    const operation = kind & 15;
    if (operation === ${FlagOperation.EXPLICIT}) { return a & ${STATUS_FLAGS}; }
    let bits = a & ${1 | 16 | 2048};
    if (operation !== ${FlagOperation.RESULT}) { ${computed()} }
    const low = result >>> (0 - (kind >>> 4) | 0) & 255;
    const parity = 38505 >> ((low ^ low >>> 4) & 15) & 1;
    bits = bits | parity << 2 | (result === 0 ? 64 : 0) | result >>> 31 << 7;`,
  result: 'bits',
});

export const carries = (): AsmFunction => ({
  parameters,
  body: statements`
    const operation = kind & 15;
    let bits = a;
    if (operation !== ${FlagOperation.EXPLICIT}) {
      if (operation !== ${FlagOperation.RESULT}) { ${computed()} }
    }`,
  result: 'bits',
});
