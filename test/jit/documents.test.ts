/** docs/life-of-a-block.md is what the code does; docs/adding-an-instruction.md quotes what is there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { generate } from 'astring';
import type { Program, Statement } from 'estree';
import { describe, expect, it } from 'vitest';
import { load } from '../fuzz/native.mjs';
import { decode } from '../../src/decoder/decode.js';
import { disassemble } from '../../src/decoder/disassemble.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import { Emitter } from '../../src/jit/emit/emitter.js';
import { formKey } from '../../src/jit/interpreter/forms.js';
import { FLAT_32 } from '../../src/jit/interpreter/samples.js';
import { hotTarget } from '../../src/jit/interpreter/slot-target.js';
import { removeDeadFlags } from '../../src/jit/passes/dead-flags.js';
import { semanticOf } from '../../src/jit/semantics/index.js';
import { semanticLines } from '../../src/regress/fuzz-ir-text.js';
import { hotRegion } from './hot-region.js';

const BASE = 0x400000;
const BYTES = Uint8Array.from([
  0x8b, 0x02, 0x01, 0xc3, 0x83, 0xc2, 0x04, 0x83, 0xe9, 0x01, 0x75, 0xf4, 0x0f, 0x0b,
]);
const LAST = 0x0a;
const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0');

function decoded(): { offset: number; instruction: Instruction; text: string }[] {
  const out = [];
  for (let offset = 0; offset <= LAST;) {
    const instruction = decode(BYTES, offset, BYTES.length, 32);
    if (typeof instruction === 'number') throw new Error('the block does not decode');
    out.push({ offset, instruction, text: disassemble(instruction, BASE + offset) });
    offset += instruction.length;
  }
  return out;
}
const block = decoded();
const print = (body: readonly Statement[]): string =>
  generate({ type: 'Program', sourceType: 'module', body: [...body] } as Program, { indent: '  ' });
const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;

function listing(): string {
  const line = ({ offset, instruction, text }: (typeof block)[number]): string => {
    const raw = [...BYTES.subarray(offset, offset + instruction.length)]
      .map((byte) => hex(byte, 2))
      .join(' ');
    return `${hex(BASE + offset)}  ${raw.padEnd(12)}${text}\n`;
  };
  return fenced('text', block.map(line).join(''));
}
const forms = (): string =>
  fenced(
    'text',
    block.map(({ instruction, text }) => `${text.padEnd(28)}${formKey(instruction, FLAT_32)}\n`).join(''),
  );
const ir = (): string =>
  fenced(
    'text',
    block
      .map(({ instruction, text }) => `${text}\n${indented(semanticLines(semanticOf(instruction, FLAT_32)))}`)
      .join(''),
  );
const hot = (): string =>
  fenced(
    'js',
    print(new Emitter(hotTarget()).instruction(semanticOf(block[0]!.instruction, FLAT_32, 'slot'), 't')),
  );
function dead(): string {
  const before = block.map(({ instruction }) => semanticOf(instruction, FLAT_32));
  const after = removeDeadFlags(before);
  const dropped = before.flatMap((semantic, i) => {
    const kept = new Set(semanticLines(after[i]!));
    const lines = semanticLines(semantic).filter((line) => !kept.has(line));
    return lines.map((line) => `${block[i]!.text.padEnd(28)}${line}\n`);
  });
  return fenced('text', dropped.join(''));
}

async function lifeOfABlock(text: string): Promise<string> {
  const engines = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');
  const machines = await load<typeof import('../../src/jit/vector-machine.js')>('jit/vector-machine.js');
  const region = fenced('js', hotRegion(engines, machines, BYTES));
  const parts: Record<string, string> = {
    listing: listing(),
    slots: forms(),
    ir: ir(),
    hot: hot(),
    dead: dead(),
    region,
  };
  return text.replace(/<!-- (\w+) -->\n[^]*?<!-- end -->/g, (_all, name: string) => {
    if (parts[name] === undefined) throw new Error(`nothing makes the part ${name}`);
    return `<!-- ${name} -->\n\n${parts[name]}\n<!-- end -->`;
  });
}

describe('docs/life-of-a-block.md', () => {
  it('shows what happens now', async () => {
    const file = new URL('../../docs/life-of-a-block.md', import.meta.url);
    const text = readFileSync(file, 'utf8');
    const made = await lifeOfABlock(text);
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, made);
    expect(text.match(/<!-- end -->/g)).toHaveLength(6);
    expect(readFileSync(file, 'utf8')).toBe(made);
  });
});

describe('docs/adding-an-instruction.md', () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  it('quotes the sources', () => {
    const sources = (read('src/decoder/opcodes.ts') + read('src/jit/semantics/arithmetic.ts')).replace(
      /\s+/g,
      ' ',
    );
    const quotations = [...read('docs/adding-an-instruction.md').matchAll(/```ts\n([^]*?)```/g)].map(
      (match) => match[1]!,
    );
    expect(quotations).toHaveLength(2);
    for (const quotation of quotations) expect(sources).toContain(quotation.replace(/\s+/g, ' ').trim());
  });
});
