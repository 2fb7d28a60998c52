/**
 * Compares one decode with iced-x86. The intended departures, each also named in the head of opcodes.ts or disassemble.ts:
 * - ES, CS, SS and DS overrides in 64-bit code change nothing, so the segment is not compared there unless it is FS or GS;
 * - reserved NOPs have one operand, XLAT none, MASKMOVQ and MASKMOVDQU not the implied one; prefetches touch no memory;
 * - a register of which 16 bits are read is a 16-bit register;
 * - A0-A3 with a 64-bit offset beyond ±2 GiB do not decode.
 */
import * as iced from 'iced-x86';
import { decode } from '../../src/decoder/decode.js';
import { DecodeFailure } from '../../src/decoder/instruction.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import { icedDecodeEarly, icedMnemonic, icedOperands, isKnown, ourOperands } from './iced-oracle.js';

export type Bits = 16 | 32 | 64;

const SIXTEEN_BIT_SOURCE = /^(Arpl|Lldt|Ltr|Verr|Verw|Lmsw|Lar|Lsl|Mov_Sreg)_/;
const STRING = /^(MOVS|STOS|LODS|SCAS|CMPS|INS|OUTS)$/;

function wordRegister(name: string): string {
  if (/^R\d+D?$/.test(name)) return `${name.replace('D', '')}W`;
  return /^[ER][A-Z]{2}$/.test(name) ? name.slice(1) : name;
}

function expectedOperands(theirs: iced.Instruction, mnemonic: string, bits: Bits): string[] {
  const code = iced.Code[theirs.code]!;
  let operands = icedOperands(theirs);
  if (mnemonic === 'NOP') operands = operands.slice(0, 1);
  if (mnemonic === 'XLAT') operands = [];
  if (mnemonic.startsWith('MASKMOV')) operands = operands.slice(1);
  if (mnemonic.startsWith('PREFETCH')) operands = operands.map((text) => text.replace('8:', '0:'));
  if (SIXTEEN_BIT_SOURCE.test(code)) {
    const destination = /^La?[rs]l?_/.test(code) && !/^Ltr/.test(code);
    operands = operands.map((text, index) => (destination && index === 0 ? text : wordRegister(text)));
  }
  return bits === 64 ? operands.map(anySegment) : operands;
}

function anySegment(text: string): string {
  return text.replace(/:[CDES]S:\[/, ':-:[');
}

function prefixesDiffer(ours: Instruction, theirs: iced.Instruction): boolean {
  if (ours.lock !== theirs.hasLockPrefix) return true;
  if (!STRING.test(ours.mnemonic)) return false;
  return (ours.rep === 0xf3) !== theirs.hasRepPrefix || (ours.rep === 0xf2) !== theirs.hasRepnePrefix;
}

function differences(ours: Instruction, theirs: iced.Instruction, bits: Bits): string | undefined {
  const mnemonic = icedMnemonic(theirs);
  if (ours.mnemonic !== mnemonic) return `mnemonic ${ours.mnemonic}, expected ${mnemonic}`;
  if (ours.length !== theirs.length) return `length ${ours.length}, expected ${theirs.length}`;
  if (prefixesDiffer(ours, theirs)) return `lock ${ours.lock} or rep ${ours.rep}`;
  if (/CC$/.test(mnemonic) && ours.condition !== theirs.conditionCode - 1)
    return `condition ${ours.condition}`;
  const own = ourOperands(ours).map((text) => (bits === 64 ? anySegment(text) : text)).join(' '); // prettier-ignore
  const expected = expectedOperands(theirs, mnemonic, bits).join(' ');
  return own === expected ? undefined : `operands ${own}, expected ${expected}`;
}

function farOffset(theirs: iced.Instruction): boolean {
  return /moffs/.test(iced.Code[theirs.code]!) && theirs.memoryDisplSize === 8;
}

function compareWith(theirs: iced.Instruction, bytes: Uint8Array, bits: Bits): string | undefined {
  const ours = decode(bytes, 0, bytes.length, bits);
  const valid = !theirs.isInvalid && isKnown(theirs);
  if (typeof ours !== 'number') {
    if (!valid) return `${ours.mnemonic}, expected a failure`;
    return differences(ours, theirs, bits);
  }
  if (!valid && ours !== DecodeFailure.TRUNCATED) return undefined;
  return farOffset(theirs) ? undefined : `failure ${ours}`;
}

/** What is different between the two decodes of the bytes, or undefined. */
export function compare(bytes: Uint8Array, bits: Bits): string | undefined {
  const theirs = icedDecodeEarly(bytes, bits);
  const difference = compareWith(theirs, bytes, bits);
  const code = iced.Code[theirs.code];
  theirs.free();
  return difference && `${Buffer.from(bytes).toString('hex')} in ${bits}-bit code, ${code}: ${difference}`;
}
