/**
 * Writes that nobody waits for: a ring of 511 slots of 8 bytes as on the page that Xen's ABI calls buffered_iopage. Word 0 of the
 * page counts what was taken, word 1 what was put; a slot is type | read << 9 | size code << 10 | address << 12, then the data.
 */
import { IoType } from './ioreq.js';

const READ_COUNTER = 0,
  WRITE_COUNTER = 1,
  FIRST_SLOT = 2;
export const BUFFERED_SLOTS = 511;
const SIZE_SHIFT = 10,
  ADDRESS_SHIFT = 12;
const SIZE_CODES: readonly number[] = [0, 0, 1, 0, 2];
const SIZES = [1, 2, 4, 8] as const;
/** Addresses of 20 bits fit. */
export const BUFFERED_LIMIT = 0x100000;

export type DrainWrite = (address: number, size: number, value: number) => void;

export class BufferedWrites {
  readonly page: Int32Array;

  constructor(page: Int32Array = new Int32Array(1024)) {
    this.page = page;
  }

  get isEmpty(): boolean {
    return this.page[READ_COUNTER] === this.page[WRITE_COUNTER];
  }
  get isFull(): boolean {
    return ((this.page[WRITE_COUNTER]! - this.page[READ_COUNTER]!) | 0) >= BUFFERED_SLOTS;
  }

  /** The ring has room and `address` is below BUFFERED_LIMIT; size 1, 2 or 4. */
  push(address: number, size: number, value: number): void {
    const { page } = this;
    const slot = FIRST_SLOT + 2 * ((page[WRITE_COUNTER]! >>> 0) % BUFFERED_SLOTS);
    page[slot] = IoType.MEMORY | (SIZE_CODES[size]! << SIZE_SHIFT) | (address << ADDRESS_SHIFT);
    page[slot + 1] = value;
    page[WRITE_COUNTER]!++;
  }

  /** Hands on all writes in their order; the counters start again, since 511 does not divide what they count to. */
  drain(write: DrainWrite): void {
    const { page } = this;
    while (!this.isEmpty) {
      const slot = FIRST_SLOT + 2 * ((page[READ_COUNTER]! >>> 0) % BUFFERED_SLOTS);
      const head = page[slot]!;
      page[READ_COUNTER]!++;
      write(head >>> ADDRESS_SHIFT, SIZES[(head >> SIZE_SHIFT) & 3]!, page[slot + 1]! >>> 0);
    }
    page[READ_COUNTER] = page[WRITE_COUNTER] = 0;
  }
}
