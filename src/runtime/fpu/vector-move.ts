/** MMX and SSE data movement, insertion and extraction, MXCSR and the cacheability instructions (SDM vol. 1, 9.4.1, 10.4.1, 11.4.1). */
import { fault, Vector } from '../fault.js';
import type { Cpu } from '../state.js';
import {
  checkMmx,
  checkSse,
  enterMmx,
  FILE,
  fileOf,
  firstRegister,
  hasMemory,
  type Helper,
  immediate,
  INFO,
  isStore,
  secondRegister,
  WIDTH,
} from './access.js';
import { MM_WORDS, MXCSR_MASK } from './state.js';
import {
  A,
  B,
  checkAlignment,
  checkVector,
  loadMemory,
  loadRegister,
  loadSource,
  R,
  registerWord,
  storeMemory,
  storeResult,
  wordCount,
} from './vector-access.js';

/** A read of an MMX register alone also makes the x87 state an MMX state. */
function touchMmx(cpu: Cpu, info: number): void {
  if (fileOf(info) === FILE.MM) enterMmx(cpu.fpu);
}

/** Whole-register moves; `aligned` unless the name says otherwise. */
function moveWhole(aligned: boolean): Helper {
  return (cpu, address, info) => {
    checkVector(cpu, info);
    if (aligned && hasMemory(info)) checkAlignment(address, info);
    const count = wordCount(info);
    if (isStore(info)) {
      loadRegister(cpu, A, registerWord(info, firstRegister(info)), count);
      storeMemory(cpu, A, address, count);
      touchMmx(cpu, info);
      return;
    }
    if (hasMemory(info)) loadMemory(cpu, B, address, info);
    else loadRegister(cpu, B, registerWord(info, secondRegister(info)), count);
    storeResult(cpu, B, info);
  };
}

/** MOVSS, MOVSD, MOVQ: `count` words; a load from memory clears the rest, a register move of MOVSS and MOVSD keeps it. */
function moveLow(count: number, keeps: boolean): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    const first = 4 * firstRegister(info);
    loadRegister(cpu, A, first, 4);
    if (isStore(info)) {
      storeMemory(cpu, A, address, count);
      return;
    }
    if (hasMemory(info)) loadMemory(cpu, B, address, info);
    else loadRegister(cpu, B, 4 * secondRegister(info), 4);
    const clear = hasMemory(info) || !keeps;
    for (let i = count; i < 4; i++) B.i32[i] = clear ? 0 : A.i32[i]!;
    storeResult(cpu, B, info);
  };
}
const movqXmm = moveLow(2, false);
const movqMmx = moveWhole(false);
const movq: Helper = (cpu, address, info) =>
  (fileOf(info) === FILE.XMM ? movqXmm : movqMmx)(cpu, address, info);

/** MOVLPS, MOVHPS and relatives: 64 bits between memory or register word `from` and half `half` of the first operand. */
function moveHalf(half: number, from: number): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    const fpu = cpu.fpu;
    const word = 4 * firstRegister(info) + half;
    if (isStore(info)) {
      loadRegister(cpu, A, word, 2);
      storeMemory(cpu, A, address, 2);
      return;
    }
    if (hasMemory(info)) loadMemory(cpu, B, address, info);
    else loadRegister(cpu, B, 4 * secondRegister(info) + from, 2);
    fpu.words[word] = B.i32[0]!;
    fpu.words[word + 1] = B.i32[1]!;
  };
}

/** R.i32[i] = B.i32[order[i]]. */
function duplicate(order: readonly number[]): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    loadSource(cpu, B, address, info);
    for (let i = 0; i < 4; i++) R.i32[i] = B.i32[order[i]!]!;
    storeResult(cpu, R, info);
  };
}

const shufps: Helper = (cpu, address, info) => {
  checkSse(cpu);
  loadSource(cpu, B, address, info);
  loadRegister(cpu, A, 4 * firstRegister(info), 4);
  for (let i = 0; i < 4; i++) R.i32[i] = (i < 2 ? A : B).i32[(immediate(info) >>> (2 * i)) & 3]!;
  storeResult(cpu, R, info);
};

const shufpd: Helper = (cpu, address, info) => {
  checkSse(cpu);
  loadSource(cpu, B, address, info);
  loadRegister(cpu, A, 4 * firstRegister(info), 4);
  for (let i = 0; i < 4; i++) {
    const odd = (immediate(info) >>> (i >> 1)) & 1;
    R.i32[i] = (i < 2 ? A : B).i32[2 * odd + (i & 1)]!;
  }
  storeResult(cpu, R, info);
};

/** MOVD: a GPR or 32 bits of memory to or from word 0. */
const movd: Helper = (cpu, address, info) => {
  checkVector(cpu, info);
  const toGeneral = isStore(info) || (info & INFO.GPR_FIRST) !== 0;
  if (toGeneral) {
    const register = info & INFO.GPR_FIRST ? secondRegister(info) : firstRegister(info);
    const word = cpu.fpu.words[registerWord(info, register)]!;
    if (isStore(info)) cpu.mmu.write32(address, word);
    else cpu.r[firstRegister(info)] = word;
    touchMmx(cpu, info);
    return;
  }
  R.i32.fill(0);
  R.i32[0] = hasMemory(info) ? cpu.mmu.read32(address) : cpu.r[secondRegister(info)]!;
  storeResult(cpu, R, info);
};

const movnti: Helper = (cpu, address, info) => {
  cpu.mmu.write32(address, cpu.r[firstRegister(info)]!);
};

const movq2dq: Helper = (cpu, address, info) => {
  checkSse(cpu);
  checkMmx(cpu);
  R.i32.fill(0);
  loadRegister(cpu, R, MM_WORDS + 2 * secondRegister(info), 2);
  enterMmx(cpu.fpu);
  storeResult(cpu, R, info);
};

const movdq2q: Helper = (cpu, address, info) => {
  checkSse(cpu);
  checkMmx(cpu);
  loadRegister(cpu, R, 4 * secondRegister(info), 2);
  storeResult(cpu, R, (info & ~(3 << INFO.FILE_SHIFT)) | (FILE.MM << INFO.FILE_SHIFT));
};

const pextrw: Helper = (cpu, address, info) => {
  checkVector(cpu, info);
  loadRegister(cpu, A, registerWord(info, secondRegister(info)), wordCount(info));
  cpu.r[firstRegister(info)] = A.u16[immediate(info) & (2 * wordCount(info) - 1)]!;
  touchMmx(cpu, info);
};

const pinsrw: Helper = (cpu, address, info) => {
  checkVector(cpu, info);
  const count = wordCount(info);
  const value = hasMemory(info) ? cpu.mmu.read16(address) : cpu.r[secondRegister(info)]!;
  loadRegister(cpu, R, registerWord(info, firstRegister(info)), count);
  R.u16[immediate(info) & (2 * count - 1)] = value;
  storeResult(cpu, R, info);
};

/** Sign bits of `elements` elements whose sign byte is the last of `size`. */
function signMask(size: number): Helper {
  return (cpu, address, info) => {
    checkVector(cpu, info);
    const count = wordCount(info);
    loadRegister(cpu, A, registerWord(info, secondRegister(info)), count);
    let mask = 0;
    for (let i = 0; i * size < 4 * count; i++) mask |= (A.u8[i * size + size - 1]! >>> 7) << i;
    cpu.r[firstRegister(info)] = mask;
    touchMmx(cpu, info);
  };
}

/** MASKMOVQ, MASKMOVDQU: `address` is the linear address of DS:(E)DI (or the overriding segment). */
const maskMove: Helper = (cpu, address, info) => {
  checkVector(cpu, info);
  const bytes = 4 * wordCount(info);
  loadRegister(cpu, A, registerWord(info, firstRegister(info)), wordCount(info));
  loadRegister(cpu, B, registerWord(info, secondRegister(info)), wordCount(info));
  for (let i = 0; i < bytes; i++) if (B.i8[i]! < 0) cpu.mmu.probeWrite((address + i) | 0, 1);
  for (let i = 0; i < bytes; i++) if (B.i8[i]! < 0) cpu.mmu.write8((address + i) | 0, A.u8[i]!);
  touchMmx(cpu, info);
};

const emms: Helper = (cpu) => {
  checkMmx(cpu);
  cpu.fpu.top = 0;
  cpu.fpu.valid = 0;
};

const ldmxcsr: Helper = (cpu, address) => {
  checkSse(cpu);
  const value = cpu.mmu.read32(address);
  if (value & ~MXCSR_MASK) fault(Vector.GP, 0);
  cpu.fpu.mxcsr = value;
};

const stmxcsr: Helper = (cpu, address) => {
  checkSse(cpu);
  cpu.mmu.write32(address, cpu.fpu.mxcsr);
};

const nothing: Helper = () => undefined;

/** The line itself has no meaning here, but the address must be readable. */
const clflush: Helper = (cpu, address) => {
  cpu.mmu.probeRead(address, 1);
};

const aligned = moveWhole(true);
const unaligned = moveWhole(false);
/** The second operand is 64 bits of memory or the low half of a register. */
const movddup: Helper = (cpu, address, info) => {
  checkSse(cpu);
  if (hasMemory(info))
    loadMemory(cpu, B, address, (info & ~(7 << INFO.WIDTH_SHIFT)) | (WIDTH.W64 << INFO.WIDTH_SHIFT));
  else loadRegister(cpu, B, 4 * secondRegister(info), 2);
  for (let i = 0; i < 4; i++) R.i32[i] = B.i32[i & 1]!;
  storeResult(cpu, R, info);
};

export const VECTOR_MOVE: Record<string, Helper> = {
  MOVAPS: aligned,
  MOVAPD: aligned,
  MOVDQA: aligned,
  MOVNTPS: aligned,
  MOVNTPD: aligned,
  MOVNTDQ: aligned,
  MOVNTQ: unaligned,
  MOVUPS: unaligned,
  MOVUPD: unaligned,
  MOVDQU: unaligned,
  LDDQU: unaligned,
  MOVSS: moveLow(1, true),
  MOVSD: moveLow(2, true),
  MOVQ: movq,
  MOVLPS: moveHalf(0, 0),
  MOVLPD: moveHalf(0, 0),
  MOVHPS: moveHalf(2, 0),
  MOVHPD: moveHalf(2, 0),
  MOVHLPS: moveHalf(0, 2),
  MOVLHPS: moveHalf(2, 0),
  MOVSLDUP: duplicate([0, 0, 2, 2]),
  MOVSHDUP: duplicate([1, 1, 3, 3]),
  MOVDDUP: movddup,
  SHUFPS: shufps,
  SHUFPD: shufpd,
  MOVD: movd,
  MOVNTI: movnti,
  MOVQ2DQ: movq2dq,
  MOVDQ2Q: movdq2q,
  PEXTRW: pextrw,
  PINSRW: pinsrw,
  PMOVMSKB: signMask(1),
  MOVMSKPS: signMask(4),
  MOVMSKPD: signMask(8),
  MASKMOVQ: maskMove,
  MASKMOVDQU: maskMove,
  EMMS: emms,
  LDMXCSR: ldmxcsr,
  STMXCSR: stmxcsr,
  SFENCE: nothing,
  LFENCE: nothing,
  MFENCE: nothing,
  PREFETCHNTA: nothing,
  PREFETCHT0: nothing,
  PREFETCHT1: nothing,
  PREFETCHT2: nothing,
  CLFLUSH: clflush,
};
