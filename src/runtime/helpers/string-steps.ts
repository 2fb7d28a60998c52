/** One iteration of a string instruction: complete, or a fault with registers unchanged. */
import { FlagOperation } from '../flags.js';
import { EAX, EDI, EDX, ESI, R_FLAG_A, R_FLAG_B, R_FLAG_KIND, R_FLAG_RESULT, type Cpu } from '../state.js';
import { checkIo, readPort, writePort } from './io.js';
import { ES, segmentAddress } from './segments.js';

export const StringOperation = { MOVS: 0, CMPS: 1, STOS: 2, LODS: 3, SCAS: 4, INS: 5, OUTS: 6 } as const;
export type StringOperation = (typeof StringOperation)[keyof typeof StringOperation];

/** What the iterations of the instruction at hand share. */
export const steps = {
  /** Element size 1, 2 or 4. */
  bytes: 1,
  /** Address mask, 0xffff or -1. */
  mask: -1,
  /** Segment of the source. */
  segment: 3,
  /** Element size with the sign of DF. */
  delta: 1,
  /** SCAS and CMPS: the last comparison. */
  equal: false,
};

export function step(cpu: Cpu, operation: StringOperation): void {
  switch (operation) {
    case StringOperation.MOVS:
      return moveStep(cpu);
    case StringOperation.CMPS:
      return compareStep(cpu);
    case StringOperation.STOS:
      return storeStep(cpu);
    case StringOperation.LODS:
      return loadStep(cpu);
    case StringOperation.SCAS:
      return scanStep(cpu);
    case StringOperation.INS:
      return inputStep(cpu);
    default:
      return outputStep(cpu);
  }
}

/** (E)SI or (E)DI moves by `elements`. */
export function advance(cpu: Cpu, register: number, elements: number): void {
  const { mask, delta } = steps;
  const old = cpu.r[register]!;
  cpu.r[register] = (old & ~mask) | ((old + delta * elements) & mask);
}

function sourceAddress(cpu: Cpu): number {
  return segmentAddress(cpu, steps.segment, cpu.r[ESI]! & steps.mask, steps.bytes, 0);
}

function destinationAddress(cpu: Cpu, write: number): number {
  return segmentAddress(cpu, ES, cpu.r[EDI]! & steps.mask, steps.bytes, write);
}

function read(cpu: Cpu, linear: number): number {
  if (steps.bytes === 1) return cpu.mmu.read8(linear);
  return steps.bytes === 2 ? cpu.mmu.read16(linear) : cpu.mmu.read32(linear);
}

function write(cpu: Cpu, linear: number, value: number): void {
  if (steps.bytes === 1) cpu.mmu.write8(linear, value & 0xff);
  else if (steps.bytes === 2) cpu.mmu.write16(linear, value & 0xffff);
  else cpu.mmu.write32(linear, value);
}

function setAccumulator(cpu: Cpu, value: number): void {
  if (steps.bytes === 1) cpu.r8[0] = value;
  else if (steps.bytes === 2) cpu.r16[0] = value;
  else cpu.r[EAX] = value;
}

/** Lazy flags of a - b for elements in their low bits. */
export function setComparison(cpu: Cpu, a: number, b: number): void {
  const { r } = cpu;
  const width = steps.bytes * 8;
  const left = a << -width;
  const right = b << -width;
  r[R_FLAG_KIND] = FlagOperation.SUB | (width << 4);
  r[R_FLAG_A] = left;
  r[R_FLAG_B] = right;
  r[R_FLAG_RESULT] = left - right;
  steps.equal = left === right;
}

function moveStep(cpu: Cpu): void {
  const value = read(cpu, sourceAddress(cpu));
  write(cpu, destinationAddress(cpu, 1), value);
  advance(cpu, ESI, 1);
  advance(cpu, EDI, 1);
}

function compareStep(cpu: Cpu): void {
  const a = read(cpu, sourceAddress(cpu));
  const b = read(cpu, destinationAddress(cpu, 0));
  setComparison(cpu, a, b);
  advance(cpu, ESI, 1);
  advance(cpu, EDI, 1);
}

function storeStep(cpu: Cpu): void {
  write(cpu, destinationAddress(cpu, 1), cpu.r[EAX]!);
  advance(cpu, EDI, 1);
}

function loadStep(cpu: Cpu): void {
  setAccumulator(cpu, read(cpu, sourceAddress(cpu)));
  advance(cpu, ESI, 1);
}

function scanStep(cpu: Cpu): void {
  setComparison(cpu, cpu.r[EAX]!, read(cpu, destinationAddress(cpu, 0)));
  advance(cpu, EDI, 1);
}

/** The destination is known to be writable before the port is read, whose side effects cannot be undone. */
function inputStep(cpu: Cpu): void {
  const port = cpu.r[EDX]! & 0xffff;
  checkIo(cpu, port, steps.bytes);
  const linear = destinationAddress(cpu, 1);
  cpu.mmu.probeWrite(linear, steps.bytes);
  write(cpu, linear, readPort(cpu, port, steps.bytes));
  advance(cpu, EDI, 1);
}

function outputStep(cpu: Cpu): void {
  const port = cpu.r[EDX]! & 0xffff;
  checkIo(cpu, port, steps.bytes);
  const value = read(cpu, sourceAddress(cpu));
  writePort(cpu, port, steps.bytes, value);
  advance(cpu, ESI, 1);
}
