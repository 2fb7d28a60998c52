/** `info registers` and the names of registers in addresses. */
import { describeCpu } from '../../regress/cpu-report.js';
import { getEflags } from '../../runtime/flags.js';
import { R_EIP } from '../../runtime/state.js';
import type { Cpu } from '../../runtime/state.js';

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0');

function fpuText({ fpu }: Cpu): string {
  const lines = [
    `FCW=${hex(fpu.control, 4)} FSW=${hex(fpu.statusWord(), 4)} [ST=${fpu.top}] FTW=${hex(fpu.tagWord(), 4)} MXCSR=${hex(fpu.mxcsr, 8)}`,
  ];
  const significand = (i: number): string =>
    hex(fpu.significand[2 * i + 1]!, 8) + hex(fpu.significand[2 * i]!, 8);
  const perLine = 2;
  for (let i = 0; i < 8; i += perLine)
    lines.push([i, i + 1].map((n) => `FPR${n}=${significand(n)} ${hex(fpu.exponent[n]!, 4)}`).join(' '));
  const xmm = (i: number): string => [3, 2, 1, 0].map((word) => hex(fpu.xmm[4 * i + word]!, 8)).join('');
  for (let i = 0; i < 8; i += perLine) lines.push([i, i + 1].map((n) => `XMM0${n}=${xmm(n)}`).join(' '));
  return lines.join('\n');
}

export function registersText(cpu: Cpu): string {
  const dr = [0, 1, 2, 3, 6, 7].map((n) => `DR${n}=${hex(cpu.dr[n]!, 8)}`).join(' ');
  return `${describeCpu(cpu)}\n${dr}\n${fpuText(cpu)}`;
}

const GENERAL = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

/** uint32; a segment register's base, as addresses are meant. Undefined for what is no register. */
export function registerNamed(cpu: Cpu, name: string): number | undefined {
  const general = GENERAL.indexOf(name);
  if (general >= 0) return cpu.r[general]! >>> 0;
  const segment = SEGMENTS.indexOf(name);
  if (segment >= 0) return cpu.segments.base[segment]! >>> 0;
  switch (name) {
    case 'eip':
      return cpu.r[R_EIP]! >>> 0;
    case 'pc':
      return (cpu.r[R_EIP]! + cpu.segments.base[1]!) >>> 0;
    case 'eflags':
      return getEflags(cpu) >>> 0;
    case 'cr0':
    case 'cr2':
    case 'cr3':
    case 'cr4':
      return cpu[name] >>> 0;
    default:
      return undefined;
  }
}
