/** Packs the operands of a decoded FPU, MMX or SSE instruction into the `info` argument of its helper (see access.ts). */
import { FILE, INFO, WIDTH } from './access.js';

/** The parts of a decoder operand that matter here; this layer does not import the decoder. */
interface OperandView {
  readonly kind: string;
  readonly index?: number;
  readonly width?: number;
  readonly value?: number;
  readonly addressSize?: number;
  readonly segment?: number;
}
interface InstructionView {
  readonly operandSize: number;
  readonly operands: readonly OperandView[];
}

const WIDTHS: Readonly<Record<number, number>> = {
  0: WIDTH.NONE,
  16: WIDTH.W16,
  32: WIDTH.W32,
  64: WIDTH.W64,
  80: WIDTH.W80,
  128: WIDTH.W128,
};

const FXSAVE_BITS = 4096;

function memoryBits(operand: OperandView, first: boolean): number {
  const width = WIDTHS[operand.width!] ?? WIDTH.OTHER;
  const wraps = operand.width === FXSAVE_BITS && operand.addressSize === 16 ? INFO.ADDRESS_16 : 0;
  const where = wraps | (operand.segment! << INFO.SEGMENT_SHIFT);
  return where | INFO.MEMORY | (first ? INFO.STORE : 0) | (width << INFO.WIDTH_SHIFT);
}

function fileNumber(operand: OperandView): number {
  if (operand.kind === 'mm') return FILE.MM;
  return operand.kind === 'xmm' ? FILE.XMM : 0;
}

/** The widest file named: XMM over MM; GPR only where no other register takes part. */
function fileBits(operands: readonly OperandView[]): number {
  const file = operands.reduce((widest, operand) => Math.max(widest, fileNumber(operand)), 0);
  const general = file === 0 && operands.some((operand) => operand.kind === 'register');
  return (general ? FILE.GPR : file) << INFO.FILE_SHIFT;
}

function isRegister(operand: OperandView): boolean {
  return ['register', 'st', 'mm', 'xmm'].includes(operand.kind);
}

/** Once per translation, not per execution. */
export function packInfo(instruction: InstructionView): number {
  let info = fileBits(instruction.operands);
  if (instruction.operandSize === 16) info |= INFO.OPERAND_SIZE_16;
  const registers = instruction.operands.filter(isRegister);
  registers.slice(0, 2).forEach((register, i) => {
    info |= register.index! << (4 * i);
    if (register.kind === 'register') info |= i === 0 ? INFO.GPR_FIRST : INFO.GPR_SECOND;
  });
  instruction.operands.forEach((operand, i) => {
    if (operand.kind === 'memory') info |= memoryBits(operand, i === 0);
    else if (operand.kind === 'immediate') info |= INFO.IMMEDIATE | ((operand.value! & 0xff) << 8);
  });
  return info;
}
