/** The disassembler's text against iced-x86's MASM formatter. */
import * as iced from 'iced-x86';
import { expect, test } from 'vitest';
import { decode } from '../../src/decoder/decode.js';
import { disassemble } from '../../src/decoder/disassemble.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import type { Bits } from './compare.js';
import { icedDecodeEarly, isKnown } from './iced-oracle.js';
import { randomCode } from './random-code.js';

function masmFormatter(): iced.Formatter {
  const formatter = new iced.Formatter(iced.FormatterSyntax.Masm);
  formatter.memorySizeOptions = iced.MemorySizeOptions.Always;
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.addLeadingZeroToHexNumbers = false;
  formatter.uppercaseHex = false;
  formatter.showBranchSize = false;
  formatter.branchLeadingZeros = false;
  formatter.usePseudoOps = false;
  formatter.ripRelativeAddresses = true;
  return formatter;
}
const formatter = masmFormatter();

/** Forms the head of disassemble.ts says are written differently as a whole. */
const DIFFERENT =
  /Reservednop|^(Maskmov|Xlat|Monitor|Mwait|Nop|Fldenv|Fnstenv|Frstor|Fnsave)|^(?!Mov_r).*r(16|32|64)m16|Fxsave64|Fxrstor64|Movq_(mm|xmm|rm64)|Sysexitq|Sysretq/;
const STRING = /^(Movs|Stos|Lods|Scas|Cmps|Ins|Outs)[bwdq]_m|^(Lods|Scas|Outs)[bwdq]_/;

/** iced shows the memory of a string instruction whose address size is not the code's, or whose override is ignored. */
function comparable(ours: Instruction, theirs: iced.Instruction, bits: Bits): boolean {
  const code = iced.Code[theirs.code]!;
  if (DIFFERENT.test(code)) return false;
  if (bits === 64 && theirs.segmentPrefix !== iced.Register.None) return false;
  if (!STRING.test(code)) return true;
  return (
    ours.addressSize === bits &&
    !(/^(Scas|Ins|Stos)/.test(code) && theirs.segmentPrefix !== iced.Register.None)
  );
}

/** Takes away iced's hints and the suffixes that depend on the size of the code. */
function plain(text: string): string {
  return text
    .replace(/^((bnd|notrack|hnt|ht|xacquire|xrelease) )+/, '')
    .replace(/^sal /, 'shl ')
    .replace(/^rep(e|ne)? ret/, 'ret')
    .replace(/^retn[wdq]/, 'ret')
    .replace(/^(ret|retf|push|pop|enter|leave|lgdt|sgdt|sidt|lidt|pushf|popf|pusha|popa|iret)[wdq]\b/, '$1')
    .replace(/^(loop(n?e)?)[wdq] /, '$1 ')
    .replace(/^(prefetch\w+) byte ptr/, '$1')
    .replace(/^int 3$/, 'int3');
}

/** 64-bit code has no DS to name; an `Instruction` does not know that it came from there. */
function inCode(text: string, bits: Bits): string {
  return bits === 64 ? text.replace('ds:[', '[') : text;
}

function difference(bytes: Uint8Array, bits: Bits, address: number): string | undefined {
  const ours = decode(bytes, 0, bytes.length, bits);
  const theirs = icedDecodeEarly(bytes, bits, BigInt(address));
  const compared =
    typeof ours !== 'number' && !theirs.isInvalid && isKnown(theirs) && comparable(ours, theirs, bits);
  const text = compared ? inCode(plain(disassemble(ours, address)), bits) : '';
  const expected = compared ? plain(formatter.format(theirs)) : '';
  theirs.free();
  return text === expected ? undefined : `${text}, expected ${expected}`;
}

test.each([
  [16, 0x7c00],
  [32, 0xc0100000],
  [64, 0x7f1234500000],
] as const)('text of random %d-bit code is as iced-x86 writes it', (bits, address) => {
  const differences: string[] = [];
  for (const bytes of randomCode(50_000, bits)) {
    const found = difference(bytes, bits, address);
    if (found !== undefined) differences.push(`${Buffer.from(bytes).toString('hex')}: ${found}`);
  }
  expect(differences.slice(0, 20)).toEqual([]);
});

test.each([
  ['f3a5', 'rep movsd'],
  ['f265a6', 'repne cmps byte ptr gs:[esi],byte ptr es:[edi]'],
  ['60', 'pushad'],
  ['66c3', 'ret'],
  ['cc', 'int3'],
  ['8ed8', 'mov ds,ax'],
  ['d9c0', 'fld st(0)'],
  ['8b048d00000000', 'mov eax,dword ptr [ecx*4]'],
  ['ebfe', 'jmp 0x1000'],
  ['66ebfd', 'jmp 0x1000'],
  ['ea001000003412', 'jmp 0x1234:0x1000'],
  ['f00fb10b', 'lock cmpxchg dword ptr [ebx],ecx'],
] as const)('%s is %s', (hex, text) => {
  const bytes = Buffer.from(hex, 'hex');
  const instruction = decode(bytes, 0, bytes.length, 32);
  expect(typeof instruction).toBe('object');
  expect(disassemble(instruction as Instruction, 0x1000)).toBe(text);
});
