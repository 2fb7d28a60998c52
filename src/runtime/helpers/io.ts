/** IN and OUT with the permission check by IOPL and the TSS bitmap (SDM vol. 1, 18.5). */
import { BREAK_ON, isArmed, matchBreakpoints } from '../breakpoints.js';
import { fault, Vector } from '../fault.js';
import { ATTRIBUTE, CR0, CR4, EFLAGS, R_CPL, R_EFLAGS, TR, type Cpu } from '../state.js';
import { SystemType } from './descriptors.js';

const TSS_IO_MAP_BASE = 0x66;

/** #GP(0) unless CPL and IOPL or the TSS bitmap allow `size` bytes from `port`. */
export function checkIo(cpu: Cpu, port: number, size: number): void {
  if (!(cpu.cr0 & CR0.PE)) return;
  const eflags = cpu.r[R_EFLAGS]!;
  if (!(eflags & EFLAGS.VM) && cpu.r[R_CPL]! <= ((eflags >> 12) & 3)) return;
  if (!bitmapAllows(cpu, port & 0xffff, size)) fault(Vector.GP, 0);
}

/** Whether any port may be used without a look at bitmap or breakpoints. */
export function portsAreFree(cpu: Cpu): boolean {
  if (isArmed(cpu.dr[7]!) && cpu.cr4 & CR4.DE) return false;
  const eflags = cpu.r[R_EFLAGS]!;
  return !(cpu.cr0 & CR0.PE) || (!(eflags & EFLAGS.VM) && cpu.r[R_CPL]! <= ((eflags >> 12) & 3));
}

function bitmapAllows(cpu: Cpu, port: number, size: number): boolean {
  const { segments, mmu } = cpu;
  const attributes = segments.attributes[TR]!;
  const limit = segments.limit[TR]!;
  if ((attributes & (ATTRIBUTE.P | 13)) !== (ATTRIBUTE.P | SystemType.TSS32_AVAILABLE)) return false;
  if (limit < TSS_IO_MAP_BASE + 1) return false;
  const base = segments.base[TR]!;
  const offset = (mmu.readSystem16((base + TSS_IO_MAP_BASE) | 0) & 0xffff) + (port >>> 3);
  // Two bytes are always read, so the map needs one byte of ones after its end.
  if (offset + 1 > limit) return false;
  const bits = mmu.readSystem16((base + offset) | 0) >>> (port & 7);
  return (bits & ((1 << size) - 1)) === 0;
}

/** IN: `size` in bytes; the value is unsigned in its size (as int32). */
export function portIn(cpu: Cpu, port: number, size: number): number {
  checkIo(cpu, port, size);
  return readPort(cpu, port, size);
}

/** Reads a port that the guest may read. */
export function readPort(cpu: Cpu, port: number, size: number): number {
  notePort(cpu, port & 0xffff, size);
  return cpu.environment.readPort(port & 0xffff, size) | 0;
}

/** OUT. */
export function portOut(cpu: Cpu, port: number, size: number, value: number): void {
  checkIo(cpu, port, size);
  writePort(cpu, port, size, value);
}

/** Writes a port that the guest may write. */
export function writePort(cpu: Cpu, port: number, size: number, value: number): void {
  notePort(cpu, port & 0xffff, size);
  const unsigned = size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
  cpu.environment.writePort(port & 0xffff, size, unsigned);
}

/** I/O breakpoints exist with CR4.DE (SDM vol. 3, 17.2.4). */
function notePort(cpu: Cpu, port: number, size: number): void {
  if (!isArmed(cpu.dr[7]!) || !(cpu.cr4 & CR4.DE)) return;
  cpu.trace.hits |= matchBreakpoints(cpu.dr, port, size, BREAK_ON.PORT, BREAK_ON.PORT);
}
