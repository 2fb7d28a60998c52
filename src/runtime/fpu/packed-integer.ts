/** Packed integer instructions of MMX, SSE and SSE2 on either register file (SDM vol. 1, 9.4, 11.4.2). */
import { firstRegister, type Helper, immediate, INFO } from './access.js';
import {
  A,
  B,
  checkVector,
  loadRegister,
  loadSource,
  R,
  registerWord,
  storeResult,
  wordCount,
} from './vector-access.js';

/** Computes R from A and B over that many bytes (8 or 16). */
export type PackedOperation = (bytes: number) => void;

/** first ← operation(first, second). */
export function packed(operation: PackedOperation): Helper {
  return (cpu, address, info) => {
    checkVector(cpu, info);
    loadSource(cpu, B, address, info);
    const count = wordCount(info);
    loadRegister(cpu, A, registerWord(info, firstRegister(info)), count);
    operation(4 * count);
    storeResult(cpu, R, info);
  };
}

type Lane = (a: number, b: number) => number;

function bytesU(lane: Lane): Helper {
  return packed((bytes) => {
    for (let i = 0; i < bytes; i++) R.u8[i] = lane(A.u8[i]!, B.u8[i]!);
  });
}
function bytesS(lane: Lane): Helper {
  return packed((bytes) => {
    for (let i = 0; i < bytes; i++) R.i8[i] = lane(A.i8[i]!, B.i8[i]!);
  });
}
function wordsU(lane: Lane): Helper {
  return packed((bytes) => {
    for (let i = 0; 2 * i < bytes; i++) R.u16[i] = lane(A.u16[i]!, B.u16[i]!);
  });
}
function wordsS(lane: Lane): Helper {
  return packed((bytes) => {
    for (let i = 0; 2 * i < bytes; i++) R.i16[i] = lane(A.i16[i]!, B.i16[i]!);
  });
}
export function doubles(lane: Lane): Helper {
  return packed((bytes) => {
    for (let i = 0; 4 * i < bytes; i++) R.i32[i] = lane(A.i32[i]!, B.i32[i]!);
  });
}

const add: Lane = (a, b) => (a + b) | 0;
const subtract: Lane = (a, b) => (a - b) | 0;
const equal: Lane = (a, b) => (a === b ? -1 : 0);
const greater: Lane = (a, b) => (a > b ? -1 : 0);
const average: Lane = (a, b) => (a + b + 1) >> 1;
const smaller: Lane = (a, b) => (a < b ? a : b);
const larger: Lane = (a, b) => (a > b ? a : b);

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

const addQuads = packed((bytes) => {
  for (let i = 0; 4 * i < bytes; i += 2) {
    const low = A.u32[i]! + B.u32[i]!;
    R.i32[i] = low | 0;
    R.i32[i + 1] = (A.i32[i + 1]! + B.i32[i + 1]! + (low > 0xffffffff ? 1 : 0)) | 0;
  }
});

const subtractQuads = packed((bytes) => {
  for (let i = 0; 4 * i < bytes; i += 2) {
    R.i32[i] = A.i32[i]! - B.i32[i]!;
    R.i32[i + 1] = A.i32[i + 1]! - B.i32[i + 1]! - (A.u32[i]! < B.u32[i]! ? 1 : 0);
  }
});

const multiplyAdd = packed((bytes) => {
  for (let i = 0; 4 * i < bytes; i++) {
    R.i32[i] = A.i16[2 * i]! * B.i16[2 * i]! + A.i16[2 * i + 1]! * B.i16[2 * i + 1]!;
  }
});

/** 32 × 32 → 64 unsigned, by 16-bit halves. */
const multiplyDoubles = packed((bytes) => {
  for (let i = 0; 4 * i < bytes; i += 2) {
    const a = A.u32[i]!;
    const low = (a & 0xffff) * B.u32[i]!;
    const high = (a >>> 16) * B.u32[i]!;
    const sum = low + (high % 0x10000) * 0x10000;
    R.i32[i] = sum | 0;
    R.i32[i + 1] = (Math.floor(high / 0x10000) + Math.floor(sum / 0x100000000)) | 0;
  }
});

const sumOfDifferences = packed((bytes) => {
  for (let half = 0; half < bytes; half += 8) {
    let sum = 0;
    for (let i = half; i < half + 8; i++) sum += Math.abs(A.u8[i]! - B.u8[i]!);
    R.i32[half >> 2] = sum;
    R.i32[(half >> 2) + 1] = 0;
  }
});

/** Narrows the words of A, then of B, to bytes between the limits. */
function packWords(low: number, high: number): Helper {
  return packed((bytes) => {
    const half = bytes >> 1;
    for (let i = 0; i < half; i++) {
      R.u8[i] = clamp(A.i16[i]!, low, high);
      R.u8[half + i] = clamp(B.i16[i]!, low, high);
    }
  });
}

const packDoubles = packed((bytes) => {
  const half = bytes >> 2;
  for (let i = 0; i < half; i++) {
    R.i16[i] = clamp(A.i32[i]!, -32768, 32767);
    R.i16[half + i] = clamp(B.i32[i]!, -32768, 32767);
  }
});

/** Interleaves elements of `size` bytes from the low or high half of A and B. */
export function unpack(size: number, high: boolean): Helper {
  return packed((bytes) => {
    const from = high ? bytes >> 1 : 0;
    for (let i = 0; i < bytes >> 1; i++) {
      const at = 2 * (i - (i % size)) + (i % size);
      R.u8[at] = A.u8[from + i]!;
      R.u8[at + size] = B.u8[from + i]!;
    }
  });
}

/** The whole 64-bit count, or the immediate; anything out of range becomes `limit`. */
function shiftCount(info: number, limit: number): number {
  const count = info & INFO.IMMEDIATE ? immediate(info) : B.i32[1] !== 0 ? limit : B.u32[0]!;
  return count < limit ? count : limit;
}

/** A shift of A's elements into R by a count below or equal to `limit`. */
function shift(limit: number, operation: (bytes: number, count: number) => void): Helper {
  return (cpu, address, info) => {
    checkVector(cpu, info);
    if (!(info & INFO.IMMEDIATE)) loadSource(cpu, B, address, info);
    const count = wordCount(info);
    loadRegister(cpu, A, registerWord(info, firstRegister(info)), count);
    operation(4 * count, shiftCount(info, limit));
    storeResult(cpu, R, info);
  };
}

function shiftWords(lane: (value: number, count: number) => number): Helper {
  return shift(16, (bytes, count) => {
    for (let i = 0; 2 * i < bytes; i++) R.i16[i] = lane(A.i16[i]!, count);
  });
}
/** JavaScript takes shift counts modulo 32: the lanes get a count of at most 32 and must treat it as two shifts. */
function shiftDoubles(lane: (value: number, count: number) => number): Helper {
  return shift(32, (bytes, count) => {
    for (let i = 0; 4 * i < bytes; i++) R.i32[i] = lane(A.i32[i]!, count);
  });
}

const shiftQuadsLeft = shift(64, (bytes, count) => {
  for (let i = 0; 4 * i < bytes; i += 2) {
    const low = A.i32[i]!, high = A.i32[i + 1]!; // prettier-ignore
    R.i32[i] = left32(low, count);
    R.i32[i + 1] =
      count >= 32 ? left32(low, count - 32) : count ? (high << count) | (low >>> (32 - count)) : high;
  }
});
const shiftQuadsRight = shift(64, (bytes, count) => {
  for (let i = 0; 4 * i < bytes; i += 2) {
    const low = A.i32[i]!, high = A.i32[i + 1]!; // prettier-ignore
    R.i32[i + 1] = right32(high, count);
    R.i32[i] =
      count >= 32 ? right32(high, count - 32) : count ? (low >>> count) | (high << (32 - count)) : low;
  }
});

function left32(value: number, count: number): number {
  return count >= 32 ? 0 : value << count;
}
function right32(value: number, count: number): number {
  return count >= 32 ? 0 : value >>> count;
}

/** PSLLDQ and PSRLDQ count bytes. */
function shiftBytes(step: 1 | -1): Helper {
  return shift(16, (bytes, count) => {
    for (let i = 0; i < bytes; i++) {
      const from = i + step * count;
      R.u8[i] = from >= 0 && from < bytes ? A.u8[from]! : 0;
    }
  });
}

/** Copies B's elements of the 64-bit half at word 4 × `half` of the 16-bit lanes by the 2-bit fields of the immediate. */
function shuffleWords(low: boolean, high: boolean): Helper {
  return (cpu, address, info) => {
    checkVector(cpu, info);
    loadSource(cpu, B, address, info);
    for (let i = 0; i < 8; i++) {
      const selected = i < 4 ? low : high;
      R.u16[i] = B.u16[selected ? (i & 4) | ((immediate(info) >>> (2 * (i & 3))) & 3) : i]!;
    }
    storeResult(cpu, R, info);
  };
}

const pshufd: Helper = (cpu, address, info) => {
  checkVector(cpu, info);
  loadSource(cpu, B, address, info);
  for (let i = 0; i < 4; i++) R.i32[i] = B.i32[(immediate(info) >>> (2 * i)) & 3]!;
  storeResult(cpu, R, info);
};

const and = doubles((a, b) => a & b);
const andNot = doubles((a, b) => ~a & b);
const or = doubles((a, b) => a | b);
const xor = doubles((a, b) => a ^ b);

export const PACKED_INTEGER: Record<string, Helper> = {
  PADDB: bytesU(add),
  PADDW: wordsU(add),
  PADDD: doubles(add),
  PADDQ: addQuads,
  PADDSB: bytesS((a, b) => clamp(a + b, -128, 127)),
  PADDSW: wordsS((a, b) => clamp(a + b, -32768, 32767)),
  PADDUSB: bytesU((a, b) => clamp(a + b, 0, 255)),
  PADDUSW: wordsU((a, b) => clamp(a + b, 0, 65535)),
  PSUBB: bytesU(subtract),
  PSUBW: wordsU(subtract),
  PSUBD: doubles(subtract),
  PSUBQ: subtractQuads,
  PSUBSB: bytesS((a, b) => clamp(a - b, -128, 127)),
  PSUBSW: wordsS((a, b) => clamp(a - b, -32768, 32767)),
  PSUBUSB: bytesU((a, b) => clamp(a - b, 0, 255)),
  PSUBUSW: wordsU((a, b) => clamp(a - b, 0, 65535)),
  PAND: and,
  ANDPS: and,
  ANDPD: and,
  PANDN: andNot,
  ANDNPS: andNot,
  ANDNPD: andNot,
  POR: or,
  ORPS: or,
  ORPD: or,
  PXOR: xor,
  XORPS: xor,
  XORPD: xor,
  PCMPEQB: bytesU(equal),
  PCMPEQW: wordsU(equal),
  PCMPEQD: doubles(equal),
  PCMPGTB: bytesS(greater),
  PCMPGTW: wordsS(greater),
  PCMPGTD: doubles(greater),
  PMULLW: wordsS((a, b) => a * b),
  PMULHW: wordsS((a, b) => (a * b) >> 16),
  PMULHUW: wordsU((a, b) => (a * b) >>> 16),
  PMADDWD: multiplyAdd,
  PMULUDQ: multiplyDoubles,
  PSADBW: sumOfDifferences,
  PAVGB: bytesU(average),
  PAVGW: wordsU(average),
  PMINUB: bytesU(smaller),
  PMAXUB: bytesU(larger),
  PMINSW: wordsS(smaller),
  PMAXSW: wordsS(larger),
  PACKSSWB: packWords(-128, 127),
  PACKUSWB: packWords(0, 255),
  PACKSSDW: packDoubles,
  PUNPCKLBW: unpack(1, false),
  PUNPCKLWD: unpack(2, false),
  PUNPCKLDQ: unpack(4, false),
  PUNPCKLQDQ: unpack(8, false),
  PUNPCKHBW: unpack(1, true),
  PUNPCKHWD: unpack(2, true),
  PUNPCKHDQ: unpack(4, true),
  PUNPCKHQDQ: unpack(8, true),
  UNPCKLPS: unpack(4, false),
  UNPCKLPD: unpack(8, false),
  UNPCKHPS: unpack(4, true),
  UNPCKHPD: unpack(8, true),
  PSLLW: shiftWords((v, n) => v << n),
  PSRLW: shiftWords((v, n) => (v & 0xffff) >>> n),
  PSRAW: shiftWords((v, n) => v >> n),
  PSLLD: shiftDoubles(left32),
  PSRLD: shiftDoubles(right32),
  PSRAD: shiftDoubles((v, n) => v >> (n > 31 ? 31 : n)),
  PSLLQ: shiftQuadsLeft,
  PSRLQ: shiftQuadsRight,
  PSLLDQ: shiftBytes(-1),
  PSRLDQ: shiftBytes(1),
  PSHUFW: shuffleWords(true, true),
  PSHUFLW: shuffleWords(true, false),
  PSHUFHW: shuffleWords(false, true),
  PSHUFD: pshufd,
};
