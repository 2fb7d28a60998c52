/**
 * Instructions that cross a page's end. What their bytes are depends on two pages, so that the interpreter comes here for each; one whose second page is
 * the same as the last time, with the same bytes, runs as a slot like any other.
 */
import { Vector, fault } from '../runtime/fault.js';
import type { CachedRegion, CodeCache } from '../runtime/code-cache.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import type { Cpu } from '../runtime/state.js';
import { DecodeFailure, type Instruction } from '../decoder/instruction.js';
import type { MemoryView } from './interpreter/environment.js';
import type { Predecoder } from './interpreter/predecode.js';
import { decodeIn, modeView } from './mode-view.js';

/** More are not remembered, and forgotten all at once. */
const MOST = 4096;
const LONGEST_INSTRUCTION = 15;

interface Crossing extends CachedRegion {
  /** Machine address of its second page. */
  readonly second: number;
  readonly slot: number;
  inService: boolean;
}

export class Crossings {
  /** By the slot that stands at the instruction's offset. */
  private readonly known = new Map<number, Crossing>();
  private readonly bytes = new Uint8Array(16);
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly cache: CodeCache;
  private readonly predecoder: Predecoder;
  private readonly view: MemoryView;

  constructor(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, predecoder: Predecoder, view: MemoryView) {
    this.cpu = cpu;
    this.memory = memory;
    this.cache = cache;
    this.predecoder = predecoder;
    this.view = view;
  }

  /** The slot that the instruction at `slot` and `linear` runs as, if nothing has changed since it was decoded; 0 otherwise. */
  find(slot: number, linear: number): number {
    const known = this.known.get(slot);
    if (known === undefined || !known.inService) return 0;
    const next = ((linear & -4096) + 4096) | 0;
    return this.view.execute[next >>> 12] === (known.second ^ next) ? known.slot : 0;
  }

  /** Fetches and decodes it, of at most `room` bytes; faults as the processor does. */
  decode(linear: number, room: number): Instruction {
    const { memory, cpu, bytes } = this;
    const here = 4096 - (linear & 4095);
    const first = cpu.mmu.fetch(linear);
    const second = here < room ? cpu.mmu.fetch((linear + here) | 0) : -1;
    for (let i = 0; i < LONGEST_INSTRUCTION; i++) {
      const at = i < here ? first + i : second + i - here;
      bytes[i] = i >= here && second < 0 ? 0xff : memory.u8[at]!;
    }
    const instruction = decodeIn(modeView(this.cache.mode, cpu), bytes, 0, room);
    if (typeof instruction === 'number') fault(instruction === DecodeFailure.INVALID ? Vector.UD : Vector.GP);
    return instruction;
  }

  /** Remembers what was decoded just now: the slot it runs as, or 0 where there is none. */
  remember(slot: number, linear: number, instruction: Instruction): number {
    const next = ((linear & -4096) + 4096) | 0;
    const entry = this.view.execute[next >>> 12]!;
    const { cache, known } = this;
    const rest = (linear & 4095) + instruction.length - 4096;
    if ((entry & 1) !== 0 || rest <= 0 || !cache.hasRoom(1)) return 0;
    if (known.size >= MOST) this.forgetAll();
    const last = known.get(slot);
    if (last?.inService === true) cache.removeRegion(last);
    const own = last?.slot ?? cache.allocateSlot();
    this.predecoder.fill(own, instruction, linear & 4095);
    const second = entry ^ next;
    cache.coverBytes(second >>> 12, 0, rest);
    const crossing = crossingOf(own, second, rest);
    cache.addRegion(crossing);
    known.set(slot, crossing);
    return own;
  }

  private forgetAll(): void {
    for (const crossing of this.known.values()) if (crossing.inService) this.cache.removeRegion(crossing);
    this.known.clear();
  }

  /** Everything was thrown away. */
  clear(): void {
    this.known.clear();
  }
}

function crossingOf(slot: number, second: number, rest: number): Crossing {
  return {
    second,
    slot,
    inService: true,
    frames: [second >>> 12],
    spans: Int32Array.of(second, second + rest - 1),
    kill() {
      this.inService = false;
    },
  };
}
