/** Fast paths of repeated string instructions: many elements at once inside pages that the TLB serves directly. */
import { EAX, EDI, EDX, ESI, R_CPL, R_SEGMENT_BASE, type Cpu } from '../state.js';
import { portsAreFree } from './io.js';
import { ES, segmentAllows } from './segments.js';
import { skipEqual, skipOthers } from './string-runs.js';
import { advance, setComparison, steps, StringOperation } from './string-steps.js';

/** Bytes below which a loop beats the host's `fill` and `copyWithin`. */
const SHORT = 128;

/** The RAM behind the TLB. */
interface Machine {
  readonly u8: Uint8Array;
  readonly view: DataView;
}
function machineOf(cpu: Cpu): Machine | undefined {
  return (cpu.mmu as { readonly memory?: Machine }).memory;
}

/** Performs up to `limit` iterations; 0 means that the next one must go through `step`. */
export function bulk(cpu: Cpu, operation: StringOperation, limit: number, rep: number): number {
  if (limit < 2 || cpu.mmu.checksAlignment) return 0;
  if (steps.delta < 0 && operation !== StringOperation.MOVS) return 0;
  const machine = machineOf(cpu);
  if (machine === undefined) return 0;
  switch (operation) {
    case StringOperation.MOVS:
      return moveBulk(cpu, machine, limit);
    case StringOperation.STOS:
      return storeBulk(cpu, machine, limit);
    case StringOperation.SCAS:
      return scanBulk(cpu, machine, limit, rep);
    case StringOperation.CMPS:
      return compareBulk(cpu, machine, limit, rep);
    case StringOperation.INS:
    case StringOperation.OUTS:
      return portBulk(cpu, limit, operation === StringOperation.INS);
    default:
      return 0;
  }
}

/** Elements from `register` on, in the direction of DF, that lie in one page, do not wrap the address and are within the segment limit. */
function reach(cpu: Cpu, segment: number, register: number, limit: number, write: number): number {
  const { bytes, mask } = steps;
  const offset = (cpu.r[register]! & mask) >>> 0;
  const inPage = (cpu.r[R_SEGMENT_BASE + segment]! + offset) & 0xfff;
  const end = (mask >>> 0) + 1;
  if (inPage + bytes > 4096 || offset + bytes > end) return 0;
  const room = steps.delta > 0 ? Math.min(4096 - inPage, end - offset) : Math.min(inPage, offset) + bytes;
  const count = Math.min(limit, Math.floor(room / bytes));
  const lowest = steps.delta > 0 ? offset : offset - (count - 1) * bytes;
  return count > 0 && segmentAllows(cpu, segment, lowest, count * bytes, write) ? count : 0;
}

/** Machine address of the page the register points into, or -1 when the TLB has no fast entry. */
function locate(cpu: Cpu, segment: number, register: number, write: number): number {
  const user = cpu.r[R_CPL] === 3 ? 1 : 0;
  const linear = (cpu.r[R_SEGMENT_BASE + segment]! + (cpu.r[register]! & steps.mask)) | 0;
  const table = write ? cpu.mmu.writeTlb[user]! : cpu.mmu.readTlb[user]!;
  const entry = table[linear >>> 12]!;
  return entry & 0xfff ? -1 : entry ^ linear;
}

function moveBulk(cpu: Cpu, machine: Machine, limit: number): number {
  const from = locate(cpu, steps.segment, ESI, 0);
  const to = locate(cpu, ES, EDI, 1);
  if (from < 0 || to < 0) return 0;
  const count = reach(cpu, steps.segment, ESI, reach(cpu, ES, EDI, limit, 1), 0);
  if (count === 0 || !moveElements(machine, from, to, count)) return 0;
  advance(cpu, ESI, count);
  advance(cpu, EDI, count);
  return count;
}

/** A move whose destination runs into source not yet read repeats what it has just written; backward that is left to `step`. */
function moveElements(machine: Machine, from: number, to: number, count: number): boolean {
  const length = count * steps.bytes;
  if (steps.delta > 0) {
    if (to > from && to < from + length) copyElements(machine, from, to, count);
    else if (length < SHORT) copyShort(machine, from, to, length);
    else machine.u8.copyWithin(to, from, from + length);
    return true;
  }
  if (to < from && to > from - length) return false;
  const back = length - steps.bytes;
  machine.u8.copyWithin(to - back, from - back, from + steps.bytes);
  return true;
}

/** Not for a destination that runs into its source. */
function copyShort({ u8, view }: Machine, from: number, to: number, length: number): void {
  const end = from + length;
  const words = from + (length & ~3);
  for (; from < words; from += 4, to += 4) view.setInt32(to, view.getInt32(from, true), true);
  for (; from < end; from++, to++) u8[to] = u8[from]!;
}

function copyElements({ u8, view }: Machine, from: number, to: number, count: number): void {
  const { bytes } = steps;
  const end = from + count * bytes;
  if (bytes === 1) for (; from < end; from++, to++) u8[to] = u8[from]!;
  else if (bytes === 2)
    for (; from < end; from += 2, to += 2) view.setUint16(to, view.getUint16(from, true), true);
  else for (; from < end; from += 4, to += 4) view.setInt32(to, view.getInt32(from, true), true);
}

function storeBulk(cpu: Cpu, machine: Machine, limit: number): number {
  const to = locate(cpu, ES, EDI, 1);
  if (to < 0) return 0;
  const count = reach(cpu, ES, EDI, limit, 1);
  if (count === 0) return 0;
  fillElements(machine, to, count, cpu.r[EAX]!);
  advance(cpu, EDI, count);
  return count;
}

function fillElements({ u8, view }: Machine, to: number, count: number, value: number): void {
  const { bytes } = steps;
  const end = to + count * bytes;
  const byte = value & 0xff;
  const pattern = bytes === 1 ? byte : bytes === 2 ? byte * 0x101 : (byte * 0x1010101) | 0;
  const uniform = bytes === 1 || (bytes === 2 ? value & 0xffff : value) === pattern;
  if (uniform && count * bytes >= SHORT) u8.fill(byte, to, end);
  else if (bytes === 1) {
    const word = (byte * 0x1010101) | 0;
    for (; to <= end - 4; to += 4) view.setInt32(to, word, true);
    for (; to < end; to++) u8[to] = byte;
  } else if (bytes === 2) for (; to < end; to += 2) view.setUint16(to, value & 0xffff, true);
  else for (; to < end; to += 4) view.setInt32(to, value, true);
}

function element({ u8, view }: Machine, at: number): number {
  if (steps.bytes === 1) return u8[at]!;
  return steps.bytes === 2 ? view.getUint16(at, true) : view.getInt32(at, true);
}

function accumulator(cpu: Cpu): number {
  if (steps.bytes === 1) return cpu.r8[0]!;
  return steps.bytes === 2 ? cpu.r16[0]! : cpu.r[EAX]!;
}

function scanBulk(cpu: Cpu, machine: Machine, limit: number, rep: number): number {
  const at = locate(cpu, ES, EDI, 0);
  if (at < 0) return 0;
  const count = reach(cpu, ES, EDI, limit, 0);
  if (count === 0) return 0;
  const wanted = accumulator(cpu);
  const equalStops = rep === 0xf2;
  let done = 0;
  if (equalStops && steps.bytes === 1) {
    done = skipOthers(machine.view, at, count, wanted * 0x01010101);
    // Where all were skipped the flags need the last one.
    if (done === count) done--;
  }
  let value: number;
  do value = element(machine, at + done++ * steps.bytes);
  while (done < count && (value === wanted) !== equalStops);
  setComparison(cpu, wanted, value);
  advance(cpu, EDI, done);
  return done;
}

function compareBulk(cpu: Cpu, machine: Machine, limit: number, rep: number): number {
  const left = locate(cpu, steps.segment, ESI, 0);
  const right = locate(cpu, ES, EDI, 0);
  if (left < 0 || right < 0) return 0;
  const count = reach(cpu, steps.segment, ESI, reach(cpu, ES, EDI, limit, 0), 0);
  if (count === 0) return 0;
  const equalStops = rep === 0xf2;
  let done = 0;
  if (!equalStops) {
    const skipped = skipEqual(machine.view, left, right, count * steps.bytes);
    done = Math.min(Math.floor(skipped / steps.bytes), count - 1);
  }
  let a: number;
  let b: number;
  do {
    a = element(machine, left + done * steps.bytes);
    b = element(machine, right + done++ * steps.bytes);
  } while (done < count && (a === b) !== equalStops);
  setComparison(cpu, a, b);
  advance(cpu, ESI, done);
  advance(cpu, EDI, done);
  return done;
}

/** Elements between a port and one page, where neither the permission bitmap nor an I/O breakpoint has to be looked at each time. */
function portBulk(cpu: Cpu, limit: number, input: boolean): number {
  const { environment } = cpu;
  const move = input ? environment.readPorts : environment.writePorts;
  if (move === undefined || steps.delta < 0 || !portsAreFree(cpu)) return 0;
  const segment = input ? ES : steps.segment;
  const register = input ? EDI : ESI;
  const machine = locate(cpu, segment, register, input ? 1 : 0);
  const count = machine < 0 ? 0 : reach(cpu, segment, register, limit, input ? 1 : 0);
  if (count === 0) return 0;
  const moved = move.call(environment, cpu.r[EDX]! & 0xffff, steps.bytes, machine, count);
  advance(cpu, register, moved);
  return moved;
}
