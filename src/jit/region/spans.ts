/** The bytes that a region was made from, as pairs of machine addresses: first and last. */
import type { Instruction } from '../../decoder/instruction.js';
import type { RegionGraph } from './graph.js';

/** Without immediate operands that change (`isVariable`); an instruction that crosses a page end counts with both its pages. */
export function spansOf(
  graph: RegionGraph,
  isVariable: (machine: number, instruction: Instruction) => boolean,
): Int32Array {
  const spans: number[] = [];
  for (const { body } of graph.blocks) {
    for (const { offset, instruction } of body) {
      const first = (graph.frames.get(offset >> 12)! << 12) | (offset & 4095);
      const length = instruction.length - (isVariable(first, instruction) ? 4 : 0);
      const here = Math.min(length, 4096 - (offset & 4095));
      if (spans.at(-1) === first - 1) spans[spans.length - 1] = first + here - 1;
      else spans.push(first, first + here - 1);
      if (here === length) continue;
      const next = graph.frames.get((offset >> 12) + 1)! << 12;
      spans.push(next, next + length - here - 1);
    }
  }
  return Int32Array.from(spans);
}

export function isIn(spans: Int32Array, machine: number): boolean {
  for (let i = 0; i < spans.length; i += 2) if (spans[i]! <= machine && spans[i + 1]! >= machine) return true;
  return false;
}
