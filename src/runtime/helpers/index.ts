/** All helpers by the name semantics call them with. */
import * as arithmetic from './arithmetic.js';
import * as controlRegisters from './control-registers.js';
import * as farTransfers from './far-transfers.js';
import * as interrupts from './interrupts.js';
import * as io from './io.js';
import { checkBranch } from './code-segment.js';
import { iret } from './iret.js';
import * as msr from './msr.js';
import * as performance from './performance.js';
import * as segments from './segments.js';
import * as stackFrames from './stack-frames.js';
import * as strings from './strings.js';
import * as system from './system.js';

export const HELPERS = {
  // segments.ts
  loadSegment: segments.loadSegment,
  loadStackSegment: segments.loadStackSegment,
  segmentAddress: segments.segmentAddress,
  lar: segments.lar,
  lsl: segments.lsl,
  verr: segments.verr,
  verw: segments.verw,
  lldt: segments.lldt,
  ltr: segments.ltr,
  sldt: segments.sldt,
  str: segments.str,
  // far-transfers.ts, iret.ts, interrupts.ts
  checkBranch,
  farJump: farTransfers.farJump,
  farCall: farTransfers.farCall,
  farReturn: farTransfers.farReturn,
  iret,
  softwareInterrupt: interrupts.softwareInterrupt,
  softwareTrap: interrupts.softwareTrap,
  icebp: interrupts.icebp,
  // control-registers.ts
  movToCr: controlRegisters.movToCr,
  movFromCr: controlRegisters.movFromCr,
  movToDr: controlRegisters.movToDr,
  movFromDr: controlRegisters.movFromDr,
  clts: controlRegisters.clts,
  lmsw: controlRegisters.lmsw,
  smsw: controlRegisters.smsw,
  invlpg: controlRegisters.invlpg,
  lgdt: controlRegisters.lgdt,
  lidt: controlRegisters.lidt,
  sgdt: controlRegisters.sgdt,
  sidt: controlRegisters.sidt,
  // msr.ts, io.ts
  rdmsr: msr.rdmsr,
  wrmsr: msr.wrmsr,
  rdtsc: msr.rdtsc,
  rdpmc: performance.rdpmc,
  checkIo: io.checkIo,
  portIn: io.portIn,
  portOut: io.portOut,
  // system.ts
  cpuid: system.cpuid,
  hlt: system.hlt,
  cli: system.cli,
  sti: system.sti,
  pushf: system.pushf,
  popf: system.popf,
  sysenter: system.sysenter,
  sysexit: system.sysexit,
  wbinvd: system.wbinvd,
  // arithmetic.ts, stack-frames.ts
  div8: arithmetic.div8,
  idiv8: arithmetic.idiv8,
  div16: arithmetic.div16,
  idiv16: arithmetic.idiv16,
  div32: arithmetic.div32,
  idiv32: arithmetic.idiv32,
  daa: arithmetic.daa,
  das: arithmetic.das,
  aaa: arithmetic.aaa,
  aas: arithmetic.aas,
  aam: arithmetic.aam,
  aad: arithmetic.aad,
  pusha: stackFrames.pusha,
  popa: stackFrames.popa,
  enter: stackFrames.enter,
  cmpxchg8b: stackFrames.cmpxchg8b,
  checkWideAlignment: stackFrames.checkWideAlignment,
  // strings.ts
  movs: strings.movs,
  cmps: strings.cmps,
  stos: strings.stos,
  lods: strings.lods,
  scas: strings.scas,
  ins: strings.ins,
  outs: strings.outs,
} as const;
export type HelperName = keyof typeof HELPERS;
