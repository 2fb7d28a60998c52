/** Regions in service: translation on demand, entry, removal. */
import type { CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Cpu } from '../../runtime/state.js';
import type { MemoryView } from '../interpreter/environment.js';

export interface RegionOptions {
  /** Instructions a region may have. */
  readonly regionLimit?: number;
}

export class RegionTable {
  constructor(_cpu: Cpu, _memory: PhysicalMemory, _cache: CodeCache, _view: MemoryView, _options: RegionOptions) {}
  /** The last instruction was left to the interpreter for a reason that is no miss of the translator: a helper, MMIO, a fault. */
  leftForReason = false;
  formOf(_slot: number): number {
    return 0;
  }
  enter(_slot: number, _pageEip: number): boolean {
    return false;
  }
  translate(_slot: number, _pageEip: number, _mapBase: number): boolean {
    return false;
  }
  clear(): void {}
  statistics(): object {
    return {};
  }
}
