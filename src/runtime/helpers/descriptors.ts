/** Segment and gate descriptors as read from GDT, LDT and IDT (SDM vol. 3, 3.4.5 and 6.11). */
import { fault } from '../fault.js';
import { ATTRIBUTE, LDTR, type Cpu } from '../state.js';
import { wordsAt } from '../tlb.js';

/** System descriptor types (SDM vol. 3, table 3-2). */
export const SystemType = {
  TSS16_AVAILABLE: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  TSS32_AVAILABLE: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

/** One descriptor, unpacked; the instances below are reused so that nothing is allocated per instruction. */
export class Descriptor {
  selector = 0;
  /** Linear address of the eight bytes. */
  address = 0;
  low = 0;
  high = 0;
  base = 0;
  /** Byte-granular, uint32. */
  limit = 0;
  attributes = 0;

  get dpl(): number {
    return (this.attributes >> 5) & 3;
  }
  get type(): number {
    return this.attributes & ATTRIBUTE.TYPE;
  }
  get present(): boolean {
    return (this.attributes & ATTRIBUTE.P) !== 0;
  }
  get isSystem(): boolean {
    return (this.attributes & ATTRIBUTE.S) === 0;
  }
  get isCode(): boolean {
    return (this.attributes & (ATTRIBUTE.S | ATTRIBUTE.CODE)) === (ATTRIBUTE.S | ATTRIBUTE.CODE);
  }
  get isConforming(): boolean {
    const bits = ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN_CONFORMING;
    return (this.attributes & bits) === bits;
  }
  get isWritableData(): boolean {
    const bits = ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.READ_WRITE;
    return (this.attributes & bits) === (ATTRIBUTE.S | ATTRIBUTE.READ_WRITE);
  }
  /** Data, or code that may be read. */
  get isReadable(): boolean {
    const bits = ATTRIBUTE.CODE | ATTRIBUTE.READ_WRITE;
    return !this.isSystem && (this.attributes & bits) !== ATTRIBUTE.CODE;
  }
  /** Gates: target selector, target offset, parameter count. */
  get gateSelector(): number {
    return this.low >>> 16;
  }
  get gateOffset(): number {
    const offset = this.low & 0xffff;
    return this.attributes & 8 ? offset | (this.high & 0xffff0000) : offset;
  }
  get parameterCount(): number {
    return this.high & 31;
  }
}

export const codeDescriptor = new Descriptor();
export const stackDescriptor = new Descriptor();
export const dataDescriptor = new Descriptor();
export const gateDescriptor = new Descriptor();

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Fills `into` from the two words at a linear address (supervisor access). */
export function unpackDescriptor(cpu: Cpu, address: number, into: Descriptor): void {
  const { mmu } = cpu;
  const machine = wordsAt(mmu.readTlb[0], address, 8);
  const low = machine >= 0 ? mmu.words[machine >> 2]! : mmu.readSystem32(address) | 0;
  const high = machine >= 0 ? mmu.words[(machine >> 2) + 1]! : mmu.readSystem32((address + 4) | 0) | 0;
  into.address = address;
  into.low = low;
  into.high = high;
  into.base = (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
  const limit = (low & 0xffff) | (high & 0xf0000);
  into.limit = high & (1 << 23) ? ((limit << 12) | 0xfff) >>> 0 : limit;
  into.attributes = (high >>> 8) & 0xf0ff;
}

/** Reads the descriptor a selector names; false if it lies outside its table. */
export function tryReadDescriptor(cpu: Cpu, selector: number, into: Descriptor): boolean {
  const index = selector & 0xfff8;
  let base = cpu.gdtBase;
  let limit = cpu.gdtLimit;
  if ((selector & 4) !== 0) {
    const { segments } = cpu;
    if ((segments.attributes[LDTR]! & ATTRIBUTE.P) === 0) return false;
    base = segments.base[LDTR]!;
    limit = segments.limit[LDTR]!;
  }
  if (index + 7 > limit) return false;
  unpackDescriptor(cpu, (base + index) | 0, into);
  into.selector = selector & 0xffff;
  return true;
}

/** Reads the descriptor a selector names; outside its table: `vector` with the selector as error code (`ext` is its bit 0). */
export function readDescriptor(cpu: Cpu, selector: number, into: Descriptor, vector: number, ext = 0): void {
  if (!tryReadDescriptor(cpu, selector, into)) fault(vector, (selector & 0xfffc) | ext);
}

/** Sets the accessed bit in the table if it is clear (SDM vol. 3, 3.4.5.1). */
export function markAccessed(cpu: Cpu, descriptor: Descriptor): void {
  if (descriptor.attributes & ATTRIBUTE.ACCESSED) return;
  descriptor.attributes |= ATTRIBUTE.ACCESSED;
  cpu.mmu.writeSystem8((descriptor.address + 5) | 0, descriptor.attributes & 0xff);
}

/** Changes the busy bit of a TSS descriptor in the GDT. */
export function setBusy(cpu: Cpu, descriptorAddress: number, busy: boolean): void {
  const address = (descriptorAddress + 5) | 0;
  const type = cpu.mmu.readSystem8(address) & 0xfd;
  cpu.mmu.writeSystem8(address, busy ? type | 2 : type);
}
