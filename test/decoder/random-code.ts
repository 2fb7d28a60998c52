/** Seeded random bytes that resemble code enough to reach every opcode map, prefix and ModRM form. */
import type { Bits } from './compare.js';

const PREFIXES = [0x66, 0xf2, 0xf3, 0x67, 0x2e, 0x48, 0x64, 0xf0];

/** Yields the same buffer `count` times with new contents. */
export function* randomCode(count: number, bits: Bits): Generator<Uint8Array> {
  let state = bits * 2654435761;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24;
  const bytes = new Uint8Array(24);
  for (let sample = 0; sample < count; sample++) {
    for (let index = 0; index < bytes.length; index++) bytes[index] = next();
    let place = 0;
    for (let prefixes = next() & 3; prefixes > 1; prefixes--) bytes[place++] = PREFIXES[next() & 7]!;
    if ((next() & 1) === 0) bytes[place] = 0x0f;
    if (sample % 64 === 0) bytes.fill(PREFIXES[next() & 7]!, 0, 8 + (next() & 7));
    yield bytes;
  }
}
