/** Hands out machine frames: in ascending order, or in a seeded permutation so that tests notice code that confuses guest and machine addresses. */

export class FrameAllocator {
  /** Free frames; the next one to hand out is the last. */
  readonly #free: Int32Array;
  #count: number;

  constructor(frames: number, seed?: number) {
    this.#free = new Int32Array(frames);
    this.#count = frames;
    for (let i = 0; i < frames; i++) this.#free[i] = frames - 1 - i;
    if (seed !== undefined) shuffle(this.#free, seed);
  }

  get available(): number {
    return this.#count;
  }

  /** A frame number; throws RangeError when none is left. */
  allocate(): number {
    if (this.#count === 0) throw new RangeError('out of machine frames');
    return this.#free[--this.#count]!;
  }

  release(mfn: number): void {
    this.#free[this.#count++] = mfn;
  }
}

/** Fisher-Yates over a 32-bit xorshift generator. */
function shuffle(values: Int32Array, seed: number): void {
  let x = seed | 0 || 0x9e3779b9;
  for (let i = values.length - 1; i > 0; i--) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    const j = (x >>> 0) % (i + 1);
    const value = values[i]!;
    values[i] = values[j]!;
    values[j] = value;
  }
}
