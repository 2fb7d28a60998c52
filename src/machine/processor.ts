/** Brings a processor into the state in which a boot protocol enters a program. */
import type { BootEntry } from '../firmware/boot-image.js';
import { setSegment } from '../runtime/helpers/segments.js';
import { CR0, R_EIP } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';

const FLAT_CODE = 0xc09b,
  FLAT_DATA = 0xc093,
  REAL_MODE = 0x93;

/** The processor has just been reset. */
export function enterProgram(cpu: Cpu, entry: BootEntry): void {
  cpu.r.set(entry.registers.map((value) => value | 0));
  if (entry.mode === 'protected') {
    cpu.cr0 |= CR0.PE;
    cpu.mmu.controlRegistersChanged();
    for (const segment of [0, 2, 3, 4, 5])
      setSegment(cpu, segment, entry.dataSelector, 0, 0xffffffff, FLAT_DATA);
    setSegment(cpu, 1, entry.codeSelector, 0, 0xffffffff, FLAT_CODE);
  } else setSegment(cpu, 1, 0, 0, 0xffff, REAL_MODE);
  if (entry.gdt !== undefined) {
    cpu.gdtBase = entry.gdt.base;
    cpu.gdtLimit = entry.gdt.limit;
  }
  cpu.r[R_EIP] = entry.eip;
}
