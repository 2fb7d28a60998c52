/** Control and debug registers, descriptor-table registers, INVLPG (SDM vol. 3, 2.4, 2.5 and 17.2). */
import { familyOf } from '../cpu-models.js';
import { fault, Vector } from '../fault.js';
import { ATTRIBUTE, CR0, CR4, PENDING, R_PENDING, type Cpu } from '../state.js';
import { requireCpl0, setCpl, setSegment, SS } from './segments.js';

const CR0_WRITABLE = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
/** Bits the TLB's contents depend on. */
const CR0_PAGING = CR0.PG | CR0.WP | CR0.PE;
const CR0_MODE = CR0.PE | CR0.EM | CR0.TS | CR0.MP | CR0.AM | CR0.PG;
const CR4_PAGING = CR4.PSE | CR4.PAE | CR4.PGE;

/** MOV CRn, r32. */
export function movToCr(cpu: Cpu, index: number, value: number): void {
  requireCpl0(cpu);
  switch (index) {
    case 0:
      return writeCr0(cpu, value);
    case 2:
      cpu.cr2 = value;
      return;
    case 3:
      return cpu.mmu.loadCr3(value);
    case 4:
      requireCr4(cpu);
      return writeCr4(cpu, value);
    default:
      fault(Vector.UD);
  }
}

/** MOV r32, CRn. */
export function movFromCr(cpu: Cpu, index: number): number {
  requireCpl0(cpu);
  switch (index) {
    case 0:
      return cpu.cr0;
    case 2:
      return cpu.cr2;
    case 3:
      return cpu.cr3;
    case 4:
      requireCr4(cpu);
      return cpu.cr4;
    default:
      fault(Vector.UD);
  }
}

function writeCr0(cpu: Cpu, value: number): void {
  const next = (value & CR0_WRITABLE) | CR0.ET;
  const old = cpu.cr0;
  if (next & CR0.PG && !(next & CR0.PE)) fault(Vector.GP, 0);
  if (next & CR0.NW && !(next & CR0.CD)) fault(Vector.GP, 0);
  const changed = old ^ next;
  cpu.cr0 = next;
  if (changed & next & CR0.PG && cpu.cr4 & CR4.PAE && !cpu.mmu.loadPdptes()) {
    cpu.cr0 = old;
    fault(Vector.GP, 0);
  }
  if (changed & CR0.PE) setCpl(cpu, 0);
  if (changed & CR0_PAGING) cpu.mmu.controlRegistersChanged();
  if (changed & CR0_MODE) cpu.r[R_PENDING]! |= PENDING.MODE;
}

/** CR4 bits and the CPUID.1:EDX bit that brings it. */
const CR4_FEATURES: readonly (readonly [number, number])[] = [
  [CR4.VME | CR4.PVI, 1 << 1],
  [CR4.TSD, 1 << 4],
  [CR4.DE, 1 << 2],
  [CR4.PSE, 1 << 3],
  [CR4.PAE, 1 << 6],
  [CR4.MCE, 1 << 7],
  [CR4.PGE, 1 << 13],
  [CR4.OSFXSR, 1 << 24],
  [CR4.OSXMMEXCPT, 1 << 25],
];

/** The CR4 bits this processor model has; the others are reserved. */
export function cr4Mask(cpu: Cpu): number {
  const features = cpu.model.cpuid(1, 0, cpu)[3];
  let mask: number = familyOf(cpu) >= 6 ? CR4.PCE : 0;
  for (const [bit, feature] of CR4_FEATURES) if (features & feature) mask |= bit;
  return mask;
}

/** A processor for which all of CR4 is reserved has no CR4. */
function requireCr4(cpu: Cpu): void {
  if (cr4Mask(cpu) === 0) fault(Vector.UD);
}

function writeCr4(cpu: Cpu, value: number): void {
  if (value & ~cr4Mask(cpu)) fault(Vector.GP, 0);
  const old = cpu.cr4;
  const changed = old ^ value;
  cpu.cr4 = value;
  if (changed & CR4_PAGING && value & CR4.PAE && cpu.cr0 & CR0.PG && !cpu.mmu.loadPdptes()) {
    cpu.cr4 = old;
    fault(Vector.GP, 0);
  }
  if (changed & CR4_PAGING) cpu.mmu.controlRegistersChanged();
  if (changed & (CR4.OSFXSR | CR4_PAGING)) cpu.r[R_PENDING]! |= PENDING.MODE;
}

/** CLTS. */
export function clts(cpu: Cpu): void {
  requireCpl0(cpu);
  if (cpu.cr0 & CR0.TS) cpu.r[R_PENDING]! |= PENDING.MODE;
  cpu.cr0 &= ~CR0.TS;
}

/** LMSW: PE, MP, EM and TS only; PE can be set but not cleared. */
export function lmsw(cpu: Cpu, value: number): void {
  requireCpl0(cpu);
  writeCr0(cpu, (cpu.cr0 & ~14) | (value & 15));
}

/** SMSW: all of CR0; the destination takes what fits. */
export function smsw(cpu: Cpu): number {
  return cpu.cr0;
}

/** INVLPG: `linear` with the segment base added, no limit check. */
export function invlpg(cpu: Cpu, linear: number): void {
  requireCpl0(cpu);
  cpu.mmu.invalidatePage(linear);
}

const DR6_FIXED = 0xffff0ff0 | 0;
const DR6_WRITABLE = 0xe00f;
const DR6_BD = 1 << 13;
const DR7_GD = 1 << 13;
const DR7_FIXED = 0x400;
const DR7_RESERVED = 0xd000;

/** DR4 and DR5 are DR6 and DR7 unless CR4.DE; any access with DR7.GD set is #DB. */
function debugIndex(cpu: Cpu, index: number): number {
  if (index === 4 || index === 5) {
    if (cpu.cr4 & CR4.DE) fault(Vector.UD);
    index += 2;
  }
  requireCpl0(cpu);
  if (cpu.dr[7]! & DR7_GD) {
    cpu.dr[6]! |= DR6_BD;
    cpu.dr[7]! &= ~DR7_GD;
    fault(Vector.DB);
  }
  return index;
}

/** MOV DRn, r32. */
export function movToDr(cpu: Cpu, index: number, value: number): void {
  const n = debugIndex(cpu, index);
  if (n === 6) cpu.dr[6] = (value & DR6_WRITABLE) | DR6_FIXED;
  else if (n === 7) cpu.dr[7] = (value & ~DR7_RESERVED) | DR7_FIXED;
  else cpu.dr[n] = value;
  // Armed breakpoints force single steps.
  cpu.r[R_PENDING]! |= PENDING.MODE;
}

/** MOV r32, DRn. */
export function movFromDr(cpu: Cpu, index: number): number {
  return cpu.dr[debugIndex(cpu, index)]!;
}

/** A table register's base: 24 bits with 16-bit operands. */
function readTableBase(cpu: Cpu, linear: number, operandSize: number): number {
  const base = cpu.mmu.read32((linear + 2) | 0) | 0;
  return operandSize === 16 ? base & 0xffffff : base;
}

/** LGDT: `linear` is the address of the six bytes. */
export function lgdt(cpu: Cpu, linear: number, operandSize: number): void {
  requireCpl0(cpu);
  const limit = cpu.mmu.read16(linear) & 0xffff;
  cpu.gdtBase = readTableBase(cpu, linear, operandSize);
  cpu.gdtLimit = limit;
}

/** LIDT: `linear` is the address of the six bytes. */
export function lidt(cpu: Cpu, linear: number, operandSize: number): void {
  requireCpl0(cpu);
  const limit = cpu.mmu.read16(linear) & 0xffff;
  cpu.idtBase = readTableBase(cpu, linear, operandSize);
  cpu.idtLimit = limit;
}

/** SGDT: all 32 bits of the base are stored whatever the operand size, as processors since the 386 do. */
export function sgdt(cpu: Cpu, linear: number): void {
  storeTable(cpu, linear, cpu.gdtBase, cpu.gdtLimit);
}

/** SIDT. */
export function sidt(cpu: Cpu, linear: number): void {
  storeTable(cpu, linear, cpu.idtBase, cpu.idtLimit);
}

function storeTable(cpu: Cpu, linear: number, base: number, limit: number): void {
  cpu.mmu.probeWrite(linear, 6);
  cpu.mmu.write16(linear, limit);
  cpu.mmu.write32((linear + 2) | 0, base);
}

const FLAT_CODE = ATTRIBUTE.G | ATTRIBUTE.DB | ATTRIBUTE.P | ATTRIBUTE.S | 11;
/** Bits of `Segments.flat`. */
const CODE_AND_STACK = (1 << 1) | (1 << SS);
const FLAT_DATA = ATTRIBUTE.G | ATTRIBUTE.DB | ATTRIBUTE.P | ATTRIBUTE.S | 3;

/** The flat CS and SS that SYSENTER and SYSEXIT make up without reading descriptors. */
export function setFlatCodeAndStack(cpu: Cpu, codeSelector: number, cpl: number): void {
  const privilege = cpl << 5;
  const { attributes, selector, flat } = cpu.segments;
  const isFlat = (flat & CODE_AND_STACK) === CODE_AND_STACK;
  const others = (attributes[1]! ^ FLAT_CODE) | (attributes[SS]! ^ FLAT_DATA);
  if (isFlat && (others & ~ATTRIBUTE.DPL) === 0) {
    // They already are but for the privilege level.
    attributes[1] = FLAT_CODE | privilege;
    attributes[SS] = FLAT_DATA | privilege;
    selector[1] = (codeSelector & 0xfffc) | cpl;
    selector[SS] = ((codeSelector + 8) & 0xfffc) | cpl;
    return setCpl(cpu, cpl);
  }
  setSegment(cpu, 1, (codeSelector & 0xfffc) | cpl, 0, 0xffffffff, FLAT_CODE | privilege);
  setSegment(cpu, SS, ((codeSelector + 8) & 0xfffc) | cpl, 0, 0xffffffff, FLAT_DATA | privilege);
  setCpl(cpu, cpl);
}
