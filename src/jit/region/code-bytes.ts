/** What a region's graph asks of the code around its entry: where it lies, which of it has run and how often, and which regions it is in. */
import type { CodeCache } from '../../runtime/code-cache.js';
import { R_SEGMENT_BASE, type Cpu } from '../../runtime/state.js';
import { FIRST_GENERATED_FORM, SpecialForm } from '../interpreter/forms.js';
import type { Joins } from './joins.js';
import type { Targets } from './targets.js';

/** How the code bytes are found. */
export interface CodeBytes {
  /** Machine frame of the page `page` pages after the entry's, -1 if it is not mapped to RAM. */
  frame(page: number): number;
  readonly memory: Uint8Array;
  /** Whether the instruction at the offset has been decoded to run (unseen edges are exits, not code). */
  seen(offset: number): boolean;
  /** Whether the conditional jump at the offset goes to `to` (taken or not) so often that leaving the region for it would cost more than its code. */
  often(jump: number, to: number, taken: boolean): boolean;
  /** Offset in CS of the entry's page. */
  readonly pageEip: number;
  /** The region that has an entry there. */
  region(offset: number): KnownRegion | undefined;
  /** Where the indirect jump or call at the offset has gone often, relative to it. */
  targets(offset: number): readonly number[];
  /** Whether regions were often left for the code there. */
  wanted(offset: number): boolean;
}
/** A region that another one may take in. */
export interface KnownRegion {
  readonly identity: object;
  readonly weight: number;
  /** Offsets relative to the new entry's page. */
  readonly entries: readonly number[];
  /** Whether it has the instruction at a machine address. */
  covers(machine: number): boolean;
}

/** What tells about code. */
export interface Knowledge {
  readonly cpu: Cpu;
  readonly memory: Uint8Array;
  readonly cache: CodeCache;
  readonly joins: Joins;
  readonly targets: Targets;
  /** The region that a slot is an entry of, as seen from a page that the slot lies at `offset` from. */
  region(slot: number, offset: number): KnownRegion;
}

/** Code that runs so many times less often than its region's entry is left out, unless the jump that leads there goes both ways alike: within a factor. */
const RARE = 40,
  ALIKE = 4;
/** Jumps counted in the interpreter that tell something. */
const EVIDENCE = 100;
const FORM_MASK = 4095;

/** Of the page at `pageEip`, whose base in the cache's map is `mapBase`, and those around it; `threshold`: executions of the entry so far. */
export function codeAround(
  knowledge: Knowledge,
  pageEip: number,
  mapBase: number,
  threshold: number,
): CodeBytes {
  const { cpu, cache, memory, joins, targets } = knowledge;
  const linear = (pageEip + cpu.r[R_SEGMENT_BASE + 1]!) | 0;
  const bases = new Map<number, number>([[0, mapBase]]);
  const frame = (page: number): number => {
    const machine = cpu.mmu.probeFetch((linear + (page << 12)) | 0);
    return machine < 0 ? -1 : machine >>> 12;
  };
  const machineAt = (offset: number): number => {
    const there = frame(offset >> 12);
    return there < 0 ? -1 : (there << 12) | (offset & 4095);
  };
  const slotAt = (offset: number): number => {
    const page = offset >> 12;
    let base = bases.get(page);
    if (base === undefined) {
      const there = frame(page);
      base = there < 0 ? 0 : cache.pages[there]!;
      bases.set(page, base);
    }
    return cache.map[base + (offset & 4095)]!;
  };
  const formAt = (offset: number): number => cache.slots[slotAt(offset)]! & FORM_MASK;
  return {
    memory,
    pageEip,
    frame,
    seen: (offset) => slotAt(offset) !== 0,
    often(jump, to, taken) {
      const form = formAt(jump);
      if (form < FIRST_GENERATED_FORM && form !== SpecialForm.REGION) return true;
      const { ways } = cache;
      const slot = slotAt(jump) >> 2;
      const [there, other] = taken ? [ways[slot]!, ways[slot + 1]!] : [ways[slot + 1]!, ways[slot]!];
      if (there + other < EVIDENCE || there * ALIKE >= other) return true;
      return Math.max(there, ways[slotAt(to) >> 2]!) * RARE >= threshold;
    },
    targets(offset) {
      const machine = machineAt(offset);
      return machine < 0 ? [] : targets.of(machine);
    },
    wanted(offset) {
      if (joins.isEmpty) return false;
      const machine = machineAt(offset);
      return machine >= 0 && joins.wants(machine);
    },
    region: (offset) =>
      formAt(offset) === SpecialForm.REGION ? knowledge.region(slotAt(offset), offset) : undefined,
  };
}
