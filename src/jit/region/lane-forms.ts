/** How code uses what an XMM register is loaded with: as doubles, singles or words, told from the instructions that follow. */
import type { Instruction } from '../../decoder/instruction.js';
import type { Form } from '../emit/vector-lanes.js';
import type { RegionGraph } from './graph.js';
import type { Placed } from './placed.js';

/** Instructions to look at. */
const REACH = 60;
const DOUBLES =
  /^((ADD|SUB|MUL|DIV|SQRT|MIN|MAX|CMP|HADD|HSUB|ADDSUB)[SP]D|U?COMISD|CVTT?(SD|PD)2.*|UNPCK[LH]PD|SHUFPD|MOVDDUP)$/;
const SINGLES = /^((ADD|SUB|MUL|DIV|SQRT|MIN|MAX|CMP|RCP|RSQRT)[SP]S|U?COMISS|CVTT?(SS|PS)2.*)$/;
const WORDS = /^(P.*|CVTDQ2.*|MOVMSK.*|MOVD)$/;
const LOGIC = /^(AND|ANDN|OR|XOR)P[SD]$/;
const COPY = /^MOV(APS|APD|UPS|UPD|DQA|DQU|SD|SS|Q)$/;

const isXmm = (instruction: Instruction, n: number, registers: ReadonlySet<number>): boolean => {
  const operand = instruction.operands[n];
  return operand?.kind === 'xmm' && registers.has(operand.index);
};

/** undefined: not told by this instruction. */
function useOf(instruction: Instruction, registers: Set<number>): Form | undefined | 'gone' {
  const { mnemonic, operands } = instruction;
  const reads = isXmm(instruction, 1, registers);
  if (COPY.test(mnemonic)) {
    const to = operands[0]!;
    if (to.kind !== 'xmm') return undefined;
    if (reads) registers.add(to.index);
    else if (registers.delete(to.index) && registers.size === 0) return 'gone';
    return undefined;
  }
  if (!reads && !isXmm(instruction, 0, registers)) return undefined;
  if (LOGIC.test(mnemonic)) return reads ? 'word' : undefined;
  if (DOUBLES.test(mnemonic)) return 'double';
  if (SINGLES.test(mnemonic)) return 'single';
  return WORDS.test(mnemonic) ? 'word' : undefined;
}

/** The form in which `register` is used behind an instruction of a block. */
export function formOf(graph: RegionGraph, node: number, after: Placed, register: number): Form | undefined {
  const registers = new Set([register]);
  let seen = 0;
  let first = graph.blocks[node]!.body.indexOf(after) + 1;
  for (let at = node; at >= 0 && seen < REACH;) {
    const block = graph.blocks[at]!;
    for (const { instruction } of block.body.slice(first)) {
      const use = useOf(instruction, registers);
      if (use !== undefined) return use === 'gone' ? undefined : use;
      if (seen++ > REACH) return undefined;
    }
    first = 0;
    at = block.taken >= 0 ? block.taken : block.next;
    seen++;
  }
  return undefined;
}
