/**
 * Repeated string instructions as translated code runs them: forward, in flat segments, with 32-bit addresses, as far as the TLB serves RAM directly.
 * Each function returns how many elements it did; the rest, if any, is for the instruction's helper (strings.ts).
 */
import type { PhysicalMemory } from '../memory.js';
import { FlagOperation } from '../flags.js';
import { R_CPL, R_FLAG_A, R_FLAG_B, R_FLAG_KIND, R_FLAG_RESULT, type Cpu } from '../state.js';

/** Bytes from which the host's `fill` and `copyWithin` beat a loop. */
export const STRING_LONG = 128;
const PAGE = 4096;
/** Bytes that are filled by words. */
const PATTERN = 2048;

/** Numbers are int32; `count` (unsigned) elements of 1 << shift bytes, but no more than `limit`, which may be negative; addresses are linear. */
export interface StringRuns {
  moveRun(from: number, to: number, count: number, limit: number, shift: number): number;
  /** `value`: the low bits are the element. */
  storeRun(to: number, count: number, limit: number, shift: number, value: number): number;
  /**
   * Stops behind the first element that equals `wanted` (zero-extended) or, with `whileEqual` not 0, that does not. Where it did some, the flags in `cpu` are those of
   * the last comparison.
   */
  scanRun(
    at: number,
    count: number,
    limit: number,
    shift: number,
    wanted: number,
    whileEqual: number,
  ): number;
  /** The same for pairs. */
  compareRun(
    left: number,
    right: number,
    count: number,
    limit: number,
    shift: number,
    whileEqual: number,
  ): number;
}

/** Leading bytes, by fours, of `length` at `at`, none of which equals the byte that `pattern` repeats. */
export function skipOthers(view: DataView, at: number, length: number, pattern: number): number {
  let i = 0;
  for (; i <= length - 4; i += 4) {
    const x = view.getInt32(at + i, true) ^ pattern;
    if (((x - 0x01010101) & ~x & 0x80808080) !== 0) break;
  }
  return i;
}
/** Leading bytes, by fours, of `length` that are the same at `a` and `b`. */
export function skipEqual(view: DataView, a: number, b: number, length: number): number {
  let i = 0;
  while (i <= length - 4 && view.getInt32(a + i, true) === view.getInt32(b + i, true)) i += 4;
  return i;
}

/** What does long runs, `length` bytes in RAM; `shift` and `word` as in `StringRuns`. A destination that runs into its source is filled with what it repeats. */
export interface LongRuns {
  copyLong(from: number, to: number, length: number, shift: number): void;
  fillLong(to: number, length: number, word: number): void;
}

/** Whole elements between a linear address and the end of its page. */
const room = (at: number, shift: number): number => (PAGE - (at & (PAGE - 1))) >> shift;

export function createStringRuns(cpu: Cpu, memory: PhysicalMemory): StringRuns & LongRuns {
  const { u8, view, i32 } = memory;
  const { mmu, r } = cpu;
  const user = (): 0 | 1 => (r[R_CPL] === 3 ? 1 : 0);

  function copy(from: number, to: number, length: number, shift: number): void {
    const ahead = to - from;
    // A destination that runs into source not yet read repeats what has just been written.
    const repeats = ahead > 0 && ahead < length;
    if (length >= STRING_LONG && !repeats) {
      u8.copyWithin(to, from, from + length);
      return;
    }
    const end = from + length;
    if (!repeats || ahead >= 4 || shift === 2) {
      const words = from + (length & ~3);
      for (; from < words; from += 4, to += 4) view.setInt32(to, view.getInt32(from, true), true);
    }
    if (shift === 0) for (; from < end; from++, to++) u8[to] = u8[from]!;
    else for (; from < end; from += 2, to += 2) view.setUint16(to, view.getUint16(from, true), true);
  }
  function fill(to: number, length: number, word: number): void {
    const end = to + length;
    if (length >= STRING_LONG) {
      if (((word ^ (word >>> 8)) & 0xffffff) === 0) {
        u8.fill(word & 0xff, to, end);
        return;
      }
      if ((to & 3) === 0) {
        fillWords(to, end & ~3, word);
        to = end & ~3;
      }
    }
    for (; to <= end - 4; to += 4) view.setInt32(to, word, true);
    for (; to < end; to++, word >>>= 8) u8[to] = word;
  }
  /** Once there are some, the host moves more words faster than it fills them. */
  function fillWords(to: number, end: number, word: number): void {
    let filled = Math.min(end - to, PATTERN);
    i32.fill(word, to >> 2, (to + filled) >> 2);
    for (; to + filled < end; filled *= 2)
      u8.copyWithin(to + filled, to, Math.min(to + filled, end - filled));
  }
  function element(at: number, shift: number): number {
    if (shift === 0) return u8[at]!;
    return shift === 1 ? view.getUint16(at, true) : view.getInt32(at, true);
  }
  function setComparison(a: number, b: number, shift: number): void {
    const width = 8 << shift;
    r[R_FLAG_KIND] = FlagOperation.SUB | (width << 4);
    r[R_FLAG_A] = a << -width;
    r[R_FLAG_B] = b << -width;
    r[R_FLAG_RESULT] = r[R_FLAG_A]! - r[R_FLAG_B]!;
  }

  return {
    copyLong: copy,
    fillLong: fill,
    moveRun(from, to, wanted, limit, shift) {
      const read = mmu.readTlb[user()];
      const write = mmu.writeTlb[user()];
      const count = Math.min(wanted >>> 0, limit);
      let done = 0;
      while (done < count) {
        const x = read[from >>> 12]!;
        const y = write[to >>> 12]!;
        const n = Math.min(count - done, room(from, shift), room(to, shift));
        if (((x | y) & 1) !== 0 || n <= 0) break;
        copy(x ^ from, y ^ to, n << shift, shift);
        done += n;
        from = (from + (n << shift)) | 0;
        to = (to + (n << shift)) | 0;
      }
      return done;
    },
    storeRun(to, wanted, limit, shift, value) {
      const write = mmu.writeTlb[user()];
      const count = Math.min(wanted >>> 0, limit);
      const half = shift === 0 ? (value & 0xff) * 0x101 : value & 0xffff;
      const word = shift === 2 ? value : (half << 16) | half;
      let done = 0;
      while (done < count) {
        const y = write[to >>> 12]!;
        const n = Math.min(count - done, room(to, shift));
        if ((y & 1) !== 0 || n <= 0) break;
        fill(y ^ to, n << shift, word);
        done += n;
        to = (to + (n << shift)) | 0;
      }
      return done;
    },
    scanRun(at, elements, limit, shift, wanted, stays) {
      const read = mmu.readTlb[user()];
      const count = Math.min(elements >>> 0, limit);
      const whileEqual = stays !== 0;
      let compared = 0;
      let done = 0;
      while (done < count) {
        const x = read[at >>> 12]!;
        const n = Math.min(count - done, room(at, shift));
        if ((x & 1) !== 0 || n <= 0) break;
        const start = x ^ at;
        let i = shift === 0 && !whileEqual ? skipOthers(view, start, n, wanted * 0x01010101) : 0;
        let last = ~wanted;
        for (; i < n;) {
          last = element(start + (i++ << shift), shift);
          if ((last === wanted) !== whileEqual) break;
        }
        // Where all were skipped the last one is only known not to be wanted.
        compared = i === n ? element(start + ((n - 1) << shift), shift) : last;
        done += i;
        at = (at + (i << shift)) | 0;
        if ((compared === wanted) !== whileEqual) break;
      }
      if (done > 0) setComparison(wanted, compared, shift);
      return done;
    },
    compareRun(left, right, elements, limit, shift, stays) {
      const read = mmu.readTlb[user()];
      const count = Math.min(elements >>> 0, limit);
      const whileEqual = stays !== 0;
      let [first, second] = [0, 0];
      let done = 0;
      while (done < count) {
        const x = read[left >>> 12]!;
        const y = read[right >>> 12]!;
        const n = Math.min(count - done, room(left, shift), room(right, shift));
        if (((x | y) & 1) !== 0 || n <= 0) break;
        const a = x ^ left;
        const b = y ^ right;
        const skipped = whileEqual ? skipEqual(view, a, b, n << shift) >> shift : 0;
        let i = skipped === n ? n - 1 : skipped;
        do {
          first = element(a + (i << shift), shift);
          second = element(b + (i << shift), shift);
          i++;
        } while (i < n && (first === second) === whileEqual);
        done += i;
        left = (left + (i << shift)) | 0;
        right = (right + (i << shift)) | 0;
        if ((first === second) !== whileEqual) break;
      }
      if (done > 0) setComparison(first, second, shift);
      return done;
    },
  };
}
