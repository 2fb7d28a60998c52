/** The one exception that guest conditions throw, preallocated; the dispatcher alone catches it (SDM vol. 3, 6.3). */

export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const;
export type Vector = (typeof Vector)[keyof typeof Vector];

/** Not a vector: an access may lie across offset 4 GiB of its segment, which only running the instruction without flat segments can tell. */
export const WRAPPED = -1;

/** Not a vector either: a waiting x87 instruction met an error with CR0.NE = 0 and stays until an interrupt. */
export const FROZEN = -2;

/** Vectors that push an error code. */
export const HAS_ERROR_CODE = new Set<number>([8, 10, 11, 12, 13, 14, 17]);

/** Thrown by slow paths and helpers; state is as before the instruction when it leaves them. */
export class GuestFault extends Error {
  vector: number = 0;
  /** 0 where the vector has no error code. */
  errorCode = 0;
  /** Linear address for #PF, written to CR2 at delivery. */
  address = 0;
}
const theFault = new GuestFault('guest fault');

export function fault(vector: number, errorCode = 0): never {
  theFault.vector = vector;
  theFault.errorCode = errorCode;
  throw theFault;
}
/** A page fault that is not thrown: a throw costs the host more than all of its delivery. */
export function notePageFault(address: number, errorCode: number): void {
  theFault.vector = Vector.PF;
  theFault.errorCode = errorCode;
  theFault.address = address | 0;
}
export const notedFault: GuestFault = theFault;

export function pageFault(address: number, errorCode: number): never {
  notePageFault(address, errorCode);
  throw theFault;
}
