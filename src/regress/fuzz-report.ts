/** What a failing case of the engine fuzzer shows: listing, IR, emitted code, what differs, both states. */
import { decode } from '../decoder/decode.js';
import { disassemble } from '../decoder/disassemble.js';
import { modeView } from '../jit/mode-view.js';
import { semanticOf } from '../jit/semantics/index.js';
import { describeCpu } from './cpu-report.js';
import type { Failure, FuzzResult } from './fuzz.js';
import { LAYOUT, assemble } from './fuzz-case.js';
import type { FuzzCase, Program } from './fuzz-case.js';
import { semanticLines } from './fuzz-ir-text.js';
import type { FuzzMachine } from './fuzz-machine.js';

const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0');

/** Each instruction with its bytes and IR. */
function listing(c: FuzzCase, program: Program, { cpu, engine }: FuzzMachine): string {
  const first = LAYOUT[c.bits].code + c.offset;
  const lines: string[] = [];
  for (const offset of program.boundaries) {
    const instruction = decode(program.bytes, offset, program.bytes.length, c.bits);
    const end = typeof instruction === 'number' ? program.bytes.length : offset + instruction.length;
    const raw = [...program.bytes.subarray(offset, end)].map((byte) => hex(byte, 2)).join(' ');
    const text =
      typeof instruction === 'number' ? '(does not decode)' : disassemble(instruction, first + offset);
    lines.push(`${hex(first + offset)}  ${raw.padEnd(30)}${text}`);
    if (typeof instruction === 'number') continue;
    for (const line of semanticLines(semanticOf(instruction, modeView(engine.cache.mode, cpu))))
      lines.push(`${' '.repeat(14)}${line}`);
  }
  return lines.join('\n');
}

const regionSources = (machine: FuzzMachine): string =>
  [...machine.sources].map(([name, source]) => `${machine.name}, ${name}:\n${source}\n`).join('');

export function describeFailure(failure: Failure): string {
  const { case: c, problems, machines } = failure;
  const states = machines.map((m) => `${m.name}:\n${describeCpu(m.cpu)}\n`).join('');
  return [
    `${c.bits}-bit code at CPL ${c.cpl}, steps of ${c.steps.join(', ')}; different after ${failure.after} instructions:`,
    ...problems.map((problem) => `  ${problem}`),
    '',
    listing(c, assemble(c), machines[0]!),
    '',
    `${machines.map(regionSources).join('')}${states}`,
    `case: ${JSON.stringify(c)}`,
  ].join('\n');
}

export function describeResult(result: FuzzResult): string {
  const { tally, failure } = result;
  const share = tally.instructions === 0 ? 0 : Math.round((100 * tally.translated) / tally.instructions);
  const counts = `${tally.cases} cases, ${tally.instructions} instructions in each engine, ${tally.faults} faults, ${share} % translated`;
  if (!failure) return `${counts}: no difference\n`;
  return `${counts}: DIFFERENCE at seed ${result.seed}\n${describeFailure(failure)}\n`;
}
