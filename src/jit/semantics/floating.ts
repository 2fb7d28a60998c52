/** Semantics of x87, MMX and SSE: one exact helper per mnemonic (runtime/fpu), called with the operand's linear address and the packed operands. */
import type { Builder } from '../builder.js';

const memoryOperand = (b: Builder): number => b.instruction.operands.findIndex((o) => o.kind === 'memory');

/** Mnemonics whose memory operand, where they have one first, is written. */
const isStore = (b: Builder, n: number): boolean => n === 0 && !READS_FIRST.has(b.instruction.mnemonic);
const READS_FIRST = new Set<string>(
  'FADD FMUL FCOM FCOMP FSUB FSUBR FDIV FDIVR FIADD FIMUL FICOM FICOMP FISUB FISUBR FIDIV FIDIVR FLD FILD FBLD FLDCW FLDENV FRSTOR FXRSTOR LDMXCSR'.split(' '),
);

export function floating(b: Builder): void {
  const n = memoryOperand(b);
  const { mnemonic } = b.instruction;
  const info = b.packedOperands();
  if (mnemonic === 'MASKMOVQ' || mnemonic === 'MASKMOVDQU') {
    const { addressSize, segment } = b.instruction;
    const edi = b.gpr(7, addressSize === 16 ? 16 : 32);
    return b.helper(mnemonic, b.segmentLinear(segment, b.zeroExtend(32, edi), mnemonic === 'MASKMOVQ' ? 8 : 16, true), info);
  }
  if (n >= 0 && b.mode.aligned && b.width(n) > 32) checkAlignment(b, n);
  b.helper(mnemonic, n < 0 ? b.constant(32, 0) : b.wholeLinear(n, isStore(b, n)), info);
}

/** Operands of 64 and 80 bits lie on multiples of eight bytes (SDM vol. 3, table 6-7); the helpers access them by doublewords. */
function checkAlignment(b: Builder, n: number): void {
  if (b.width(n) > 80) return;
  const write = isStore(b, n);
  b.helper('checkWideAlignment', b.wholeLinear(n, write), b.constant(32, write ? 1 : 0));
}

const X87 = [
  'F2XM1', 'FABS', 'FADD', 'FADDP', 'FBLD', 'FBSTP', 'FCHS', 'FCMOVB', 'FCMOVBE', 'FCMOVE', 'FCMOVNB', 'FCMOVNBE', 'FCMOVNE', 'FCMOVNU', 'FCMOVU', 'FCOM', 'FCOMI', 'FCOMIP', 'FCOMP', 'FCOMPP', 'FCOS', 'FDECSTP', 'FDIV', 'FDIVP', 'FDIVR', 'FDIVRP', 'FFREE', 'FFREEP', 'FIADD', 'FICOM', 'FICOMP', 'FIDIV', 'FIDIVR', 'FILD', 'FIMUL', 'FINCSTP', 'FIST', 'FISTP', 'FISTTP', 'FISUB', 'FISUBR', 'FLD', 'FLD1', 'FLDCW', 'FLDENV', 'FLDL2E', 'FLDL2T', 'FLDLG2', 'FLDLN2', 'FLDPI', 'FLDZ', 'FMUL', 'FMULP', 'FNCLEX', 'FNDISI', 'FNENI', 'FNINIT', 'FNOP', 'FNSAVE', 'FNSETPM', 'FNSTCW', 'FNSTENV', 'FNSTSW', 'FPATAN', 'FPREM', 'FPREM1', 'FPTAN', 'FRNDINT', 'FRSTOR', 'FSCALE', 'FSIN', 'FSINCOS', 'FSQRT', 'FST', 'FSTP', 'FSTPNCE', 'FSUB', 'FSUBP', 'FSUBR', 'FSUBRP', 'FTST', 'FUCOM', 'FUCOMI', 'FUCOMIP', 'FUCOMP', 'FUCOMPP', 'FWAIT', 'FXAM', 'FXCH', 'FXRSTOR', 'FXSAVE', 'FXTRACT', 'FYL2X', 'FYL2XP1',
] as const;
const SIMD = [
  'ADDPD', 'ADDPS', 'ADDSD', 'ADDSS', 'ADDSUBPD', 'ADDSUBPS', 'ANDNPD', 'ANDNPS', 'ANDPD', 'ANDPS', 'CMPPD', 'CMPPS', 'CMPSD', 'CMPSS', 'COMISD', 'COMISS', 'CVTDQ2PD', 'CVTDQ2PS', 'CVTPD2DQ', 'CVTPD2PI', 'CVTPD2PS', 'CVTPI2PD', 'CVTPI2PS', 'CVTPS2DQ', 'CVTPS2PD', 'CVTPS2PI', 'CVTSD2SI', 'CVTSD2SS', 'CVTSI2SD', 'CVTSI2SS', 'CVTSS2SD', 'CVTSS2SI', 'CVTTPD2DQ', 'CVTTPD2PI', 'CVTTPS2DQ', 'CVTTPS2PI', 'CVTTSD2SI', 'CVTTSS2SI', 'DIVPD', 'DIVPS', 'DIVSD', 'DIVSS', 'EMMS', 'HADDPD', 'HADDPS', 'HSUBPD', 'HSUBPS', 'LDDQU', 'LDMXCSR', 'MASKMOVDQU', 'MASKMOVQ', 'MAXPD', 'MAXPS', 'MAXSD', 'MAXSS', 'MINPD', 'MINPS', 'MINSD', 'MINSS', 'MOVAPD', 'MOVAPS', 'MOVD', 'MOVDDUP', 'MOVDQ2Q', 'MOVDQA', 'MOVDQU', 'MOVHLPS', 'MOVHPD', 'MOVHPS', 'MOVLHPS', 'MOVLPD', 'MOVLPS', 'MOVMSKPD', 'MOVMSKPS', 'MOVNTDQ', 'MOVNTPD', 'MOVNTPS', 'MOVNTQ', 'MOVQ', 'MOVQ2DQ', 'MOVSD', 'MOVSHDUP', 'MOVSLDUP', 'MOVSS', 'MOVUPD', 'MOVUPS', 'MULPD', 'MULPS', 'MULSD', 'MULSS', 'ORPD', 'ORPS', 'PACKSSDW', 'PACKSSWB', 'PACKUSWB', 'PADDB', 'PADDD', 'PADDQ', 'PADDSB', 'PADDSW', 'PADDUSB', 'PADDUSW', 'PADDW', 'PAND', 'PANDN', 'PAVGB', 'PAVGW', 'PCMPEQB', 'PCMPEQD', 'PCMPEQW', 'PCMPGTB', 'PCMPGTD', 'PCMPGTW', 'PEXTRW', 'PINSRW', 'PMADDWD', 'PMAXSW', 'PMAXUB', 'PMINSW', 'PMINUB', 'PMOVMSKB', 'PMULHUW', 'PMULHW', 'PMULLW', 'PMULUDQ', 'POR', 'PSADBW', 'PSHUFD', 'PSHUFHW', 'PSHUFLW', 'PSHUFW', 'PSLLD', 'PSLLDQ', 'PSLLQ', 'PSLLW', 'PSRAD', 'PSRAW', 'PSRLD', 'PSRLDQ', 'PSRLQ', 'PSRLW', 'PSUBB', 'PSUBD', 'PSUBQ', 'PSUBSB', 'PSUBSW', 'PSUBUSB', 'PSUBUSW', 'PSUBW', 'PUNPCKHBW', 'PUNPCKHDQ', 'PUNPCKHQDQ', 'PUNPCKHWD', 'PUNPCKLBW', 'PUNPCKLDQ', 'PUNPCKLQDQ', 'PUNPCKLWD', 'PXOR', 'RCPPS', 'RCPSS', 'RSQRTPS', 'RSQRTSS', 'SHUFPD', 'SHUFPS', 'SQRTPD', 'SQRTPS', 'SQRTSD', 'SQRTSS', 'STMXCSR', 'SUBPD', 'SUBPS', 'SUBSD', 'SUBSS', 'UCOMISD', 'UCOMISS', 'UNPCKHPD', 'UNPCKHPS', 'UNPCKLPD', 'UNPCKLPS', 'XORPD', 'XORPS',
] as const;

type Listed = (typeof X87)[number] | (typeof SIMD)[number];
export const FLOATING = Object.fromEntries([...X87, ...SIMD].map((m) => [m, floating])) as unknown as Record<
  Listed,
  (b: Builder) => void
>;
