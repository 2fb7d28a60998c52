/** Memory as a list of pages that are not all zeros, by what they are to the guest, so that machine frames may differ after restoring. */
import type { ShadowRam } from '../../hv/shadow-ram.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { GetBytes, PutBytes } from './plain-data.js';
import { isRecord } from './plain-data.js';
import { SavedStateError } from './saved-state-error.js';

const PAGE = 4096,
  WORDS = PAGE / 4;
/** What the host bridge switches is known by its place there, not by what is shown at the moment. */
const SWITCHED_FIRST = 0xa0,
  SWITCHED_END = 0x100;
/** Place of the switched frames, behind every guest frame. */
const SWITCHED = 1 << 20;

interface Page {
  readonly place: number;
  readonly mfn: number;
}

/** Every page of RAM and ROM (devices' memory is part of their state), in an order that depends on the machine's make only. */
function pagesOf(memory: PhysicalMemory, shadow: ShadowRam): Page[] {
  const pages: Page[] = [];
  const { p2m, deviceFirst } = memory;
  for (let gfn = 0; gfn < p2m.length; gfn++)
    if (p2m[gfn]! >= 0 && p2m[gfn]! < deviceFirst && (gfn < SWITCHED_FIRST || gfn >= SWITCHED_END))
      pages.push({ place: gfn, mfn: p2m[gfn]! });
  shadow.frames().forEach((mfn, i) => {
    if (mfn >= 0) pages.push({ place: SWITCHED + i, mfn });
  });
  return pages;
}

function isZero(words: Int32Array, mfn: number): boolean {
  const end = (mfn + 1) * WORDS;
  for (let i = mfn * WORDS; i < end; i++) if (words[i] !== 0) return false;
  return true;
}

/** Plain data; the pages' contents go to the stream. */
export function saveMemory(memory: PhysicalMemory, shadow: ShadowRam, put: PutBytes) {
  const all = pagesOf(memory, shadow);
  const kept = all.filter(({ mfn }) => !isZero(memory.i32, mfn));
  let at = 0;
  kept.forEach(({ mfn }, i) => {
    const start = put(memory.u8.subarray(mfn << 12, (mfn + 1) << 12));
    if (i === 0) at = start;
  });
  return { pages: all.length, at, places: Int32Array.from(kept, ({ place }) => place) };
}

/** Throws SavedStateError when the pages are not this machine's. */
export function restoreMemory(
  memory: PhysicalMemory,
  shadow: ShadowRam,
  saved: unknown,
  get: GetBytes,
): void {
  const all = pagesOf(memory, shadow);
  const { pages, at, places } = isRecord(saved) ? saved : {};
  if (!(places instanceof Int32Array) || typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0)
    throw new SavedStateError('is damaged: it has no list of pages');
  const next = new Map(Array.from(places, (place, i) => [place, i]));
  const known = all.filter(({ place }) => next.has(place));
  if (pages !== all.length || known.length !== places.length)
    throw new SavedStateError(
      `has other memory than this machine: ${String(pages)} pages of RAM and ROM, expected ${all.length} (another BIOS?)`,
    );
  for (const { place, mfn } of all) {
    const index = next.get(place);
    memory.replaceFrame(mfn, index === undefined ? undefined : get(at + index * PAGE, PAGE));
  }
}
