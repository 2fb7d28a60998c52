/** The engines by name. */
import type { PhysicalMemory } from '../runtime/memory.js';
import type { Cpu } from '../runtime/state.js';
import { JitEngine, type EngineName, type EngineOptions } from './engine.js';

export type { EngineName } from './engine.js';
export const ENGINE_NAMES: readonly EngineName[] = ['jit', 'interpreter', 'evaluator'];

export function createEngine(name: EngineName, options: Omit<EngineOptions, 'name'> = {}) {
  return (cpu: Cpu, memory: PhysicalMemory): JitEngine => new JitEngine(cpu, memory, { ...options, name });
}
