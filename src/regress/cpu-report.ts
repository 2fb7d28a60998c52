/** A processor's state as named numbers (to compare) and as text (to read), with the code at EIP. */
import { decode } from '../decoder/decode.js';
import { disassemble } from '../decoder/disassemble.js';
import { getEflags } from '../runtime/flags.js';
import { ATTRIBUTE, EFLAGS, R_CPL, R_EIP } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';

const GPR = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const SEGMENT = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;
const FLAG_NAMES = [
  'CF',
  'PF',
  'AF',
  'ZF',
  'SF',
  'TF',
  'IF',
  'DF',
  'OF',
  'NT',
  'RF',
  'VM',
  'AC',
  'ID',
] as const;

const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0');

/** Reads a byte at a linear address without side effects; -1 where nothing is mapped. */
export type PeekByte = (linear: number) => number;

/** Architectural state, one entry per register. Equal states give equal lists of equal length. */
export function cpuFields(cpu: Cpu): [string, number][] {
  const fields: [string, number][] = GPR.map((name, i) => [name, cpu.r[i]! >>> 0]);
  fields.push(['eip', cpu.r[R_EIP]! >>> 0], ['eflags', getEflags(cpu) >>> 0], ['cpl', cpu.r[R_CPL]!]);
  const { selector, base, limit, attributes } = cpu.segments;
  SEGMENT.forEach((name, i) => {
    fields.push([`${name} selector`, selector[i]!], [`${name} base`, base[i]! >>> 0]);
    fields.push([`${name} limit`, limit[i]!], [`${name} attributes`, attributes[i]!]);
  });
  fields.push(['cr0', cpu.cr0 >>> 0], ['cr2', cpu.cr2 >>> 0], ['cr3', cpu.cr3 >>> 0], ['cr4', cpu.cr4 >>> 0]);
  fields.push(['efer', cpu.efer >>> 0], ['gdt base', cpu.gdtBase >>> 0], ['gdt limit', cpu.gdtLimit]);
  fields.push(['idt base', cpu.idtBase >>> 0], ['idt limit', cpu.idtLimit], ['halted', cpu.halted ? 1 : 0]);
  cpu.dr.forEach((value, i) => fields.push([`dr${i}`, value >>> 0]));
  cpu.exceptionCounts.forEach((count, i) => fields.push([`exceptions #${i}`, count]));
  fields.push(['interrupts', cpu.interruptCount]);
  return fields.concat(fpuFields(cpu));
}

/** Every number of the FPU state object, so that new fields are compared without being listed here. */
function fpuFields(cpu: Cpu): [string, number][] {
  const fields: [string, number][] = [];
  const fpu = cpu.fpu?.settle();
  const { top, valid, status, control, mxcsr } = fpu ?? {};
  const all = { ...fpu, top, valid, status, control, mxcsr };
  for (const [name, value] of Object.entries(all) as [string, unknown][]) {
    if (typeof value === 'number') fields.push([`fpu.${name}`, value]);
    else if (ArrayBuffer.isView(value)) {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      bytes.forEach((byte, i) => fields.push([`fpu.${name}[byte ${i}]`, byte]));
    }
  }
  return fields;
}

function flagText(eflags: number): string {
  const set = FLAG_NAMES.filter((name) => eflags & EFLAGS[name]);
  return `${hex(eflags)} [${set.join(' ')}] IOPL=${(eflags >> 12) & 3}`;
}

/** Registers, segments and control registers in the manual's names. */
export function describeCpu(cpu: Cpu): string {
  const { r, segments } = cpu;
  const pair = (i: number): string => `${GPR[i]!.toUpperCase()}=${hex(r[i]!)}`;
  const lines = [
    [0, 3, 1, 2].map(pair).join(' '),
    [6, 7, 5, 4].map(pair).join(' '),
    `EIP=${hex(r[R_EIP]!)} EFL=${flagText(getEflags(cpu))} CPL=${r[R_CPL]} HLT=${cpu.halted ? 1 : 0}`,
  ];
  SEGMENT.forEach((name, i) => {
    const limit = hex(segments.limit[i]!);
    const rest = `${hex(segments.selector[i]!, 4)} ${hex(segments.base[i]!)} ${limit} ${hex(segments.attributes[i]!, 4)}`;
    lines.push(`${name.toUpperCase().padEnd(4)}=${rest}`);
  });
  lines.push(
    `GDT = ${hex(cpu.gdtBase)} ${hex(cpu.gdtLimit, 4)}  IDT = ${hex(cpu.idtBase)} ${hex(cpu.idtLimit, 4)}`,
  );
  lines.push(
    `CR0=${hex(cpu.cr0)} CR2=${hex(cpu.cr2)} CR3=${hex(cpu.cr3)} CR4=${hex(cpu.cr4)} EFER=${hex(cpu.efer)}`,
  );
  return lines.join('\n');
}

const LONGEST_INSTRUCTION = 15;

function readCode(linear: number, peek: PeekByte): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < LONGEST_INSTRUCTION; i++) {
    const byte = peek((linear + i) | 0);
    if (byte < 0) break;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** `count` instructions from EIP on, the first marked; says so where the code is not mapped. */
export function describeCode(cpu: Cpu, peek: PeekByte, count: number): string {
  const bits = cpu.segments.attributes[1]! & ATTRIBUTE.DB ? 32 : 16;
  let eip = cpu.r[R_EIP]! >>> 0;
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const bytes = readCode(cpu.segments.base[1]! + eip, peek);
    const mark = i === 0 ? '=> ' : '   ';
    if (bytes.length === 0) return [...lines, `${mark}${hex(eip)}  (not mapped)`].join('\n');
    const instruction = decode(bytes, 0, bytes.length, bits);
    const decoded = typeof instruction !== 'number';
    const length = decoded ? instruction.length : 1;
    const raw = Array.from(bytes.subarray(0, length), (byte) => hex(byte, 2)).join(' ');
    lines.push(`${mark}${hex(eip)}  ${raw.padEnd(24)}${decoded ? disassemble(instruction, eip) : '(bad)'}`);
    eip = (eip + length) >>> 0;
  }
  return lines.join('\n');
}

/** Length of the instruction at EIP, 1 where it does not decode. */
export function currentLength(cpu: Cpu, peek: PeekByte): number {
  const bits = cpu.segments.attributes[1]! & ATTRIBUTE.DB ? 32 : 16;
  const bytes = readCode(cpu.segments.base[1]! + cpu.r[R_EIP]!, peek);
  const instruction = decode(bytes, 0, bytes.length, bits);
  return typeof instruction === 'number' ? 1 : instruction.length;
}
