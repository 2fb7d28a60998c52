/** What SSE and SSE2 instructions with a short way do besides to XMM registers, found by emitting them once for nobody. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import { identifier, js } from './quote.js';
import { VectorCode, type AccessSize, type VectorHost } from './vector-lanes.js';
import { NoShortWay, type Rule } from './vector-moves.js';

export interface VectorEffects {
  /** Bytes of its memory operand, which it accesses once. */
  readonly access: { readonly bytes: AccessSize; readonly write: boolean } | undefined;
  /** General registers that it writes. */
  readonly general: readonly number[];
}

class Probe extends VectorCode {
  readonly accesses: { readonly bytes: AccessSize; readonly write: boolean }[] = [];
  readonly registers: number[] = [];
  override host: VectorHost = {
    flags: { kind: identifier('fk'), a: identifier('fa'), b: identifier('fb'), result: identifier('fr') },
    misaligned: false,
    precise: false,
    special: false,
    form: () => undefined,
    missControl: () => [],
    calls: false,
    miss: () => [],
    readGeneral: () => js`0`,
    writeGeneral: (index): JsStatement[] => {
      this.registers.push(index);
      return [];
    },
    eip: () => js`0`,
    offset: () => 0,
    x87: (name) => name,
  };
  override locate(_address: Expression, bytes: AccessSize, write: boolean): { at: string; linear: string } {
    this.accesses.push({ bytes, write });
    return { at: 'at', linear: 'linear' };
  }
}

/** Undefined where the rule does not serve these operands. */
export function effectsOf(instruction: Instruction, rule: Rule): VectorEffects | undefined {
  const code = new Probe();
  const memory = instruction.operands.some((o) => o.kind === 'memory');
  try {
    rule({ code, instruction, address: memory ? js`0` : undefined });
  } catch (problem) {
    if (problem instanceof NoShortWay) return undefined;
    throw problem;
  }
  if (code.accesses.length !== (memory ? 1 : 0)) return undefined;
  return { access: code.accesses[0], general: code.registers };
}
