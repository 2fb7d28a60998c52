/** x87 control instructions: environment, state images, FXSAVE and FXRSTOR (SDM vol. 1, 8.1.10-11, 10.5). */
import { fault, Vector } from '../fault.js';
import { segmentAddress } from '../helpers/segments.js';
import { CR0, CR4, type Cpu, EAX, EFLAGS, R_EFLAGS, R_SEGMENT_BASE } from '../state.js';
import {
  checkWaiting,
  checkX87,
  hasMemory,
  type Helper,
  INFO,
  notePointers,
  pendingException,
  physical,
  pop,
  segmentOf,
  stackIndex,
} from './access.js';
import { clearC1 } from './float80.js';
import { CONTROL, type Fpu, MXCSR_MASK, STATUS } from './state.js';

const fnclex: Helper = (cpu) => {
  checkX87(cpu);
  cpu.fpu.status &= STATUS.CONDITIONS;
};

const fninit: Helper = (cpu) => {
  checkX87(cpu);
  cpu.fpu.initialize();
};

const fnstcw: Helper = (cpu, address) => {
  checkX87(cpu);
  cpu.mmu.write16(address, cpu.fpu.control);
};

const fldcw: Helper = (cpu, address) => {
  checkWaiting(cpu);
  cpu.fpu.setControlWord(cpu.mmu.read16(address));
};

const fnstsw: Helper = (cpu, address, info) => {
  checkX87(cpu);
  if (hasMemory(info)) cpu.mmu.write16(address, cpu.fpu.statusWord());
  else cpu.r16[2 * EAX] = cpu.fpu.statusWord();
};

/** FNOP and the 8087/287 leftovers FNENI, FNDISI, FNSETPM. */
const fnop: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
};
const ignored: Helper = checkX87;

const fwait: Helper = (cpu) => {
  if ((cpu.cr0 & (CR0.MP | CR0.TS)) === (CR0.MP | CR0.TS)) fault(Vector.NM);
  if (cpu.fpu.status & STATUS.ES) pendingException(cpu);
};

function rotate(step: number): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    clearC1(cpu.fpu);
    cpu.fpu.top = (cpu.fpu.top + step) & 7;
  };
}

function ffree(pops: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    clearC1(fpu);
    fpu.valid &= ~(1 << physical(fpu, stackIndex(info)));
    if (pops) pop(fpu);
  };
}

/** Real-address and virtual-8086 images hold linear addresses (SDM vol. 1, figures 8-11, 8-12). */
function isRealImage(cpu: Cpu): boolean {
  return !(cpu.cr0 & CR0.PE) || (cpu.r[R_EFLAGS]! & EFLAGS.VM) !== 0;
}

function environmentSize(info: number): number {
  return info & INFO.OPERAND_SIZE_16 ? 14 : 28;
}

const image = new Uint16Array(14);

/** Fills `image` with the seven fields as they stand in the 32-bit layout, two half-words each. */
function buildEnvironment(cpu: Cpu): void {
  const fpu = cpu.fpu;
  image.fill(0xffff);
  image[0] = fpu.control;
  image[2] = fpu.statusWord();
  image[4] = fpu.tagWord();
  if (isRealImage(cpu)) buildRealPointers(fpu);
  else {
    image[6] = fpu.instructionOffset;
    image[7] = fpu.instructionOffset >>> 16;
    image[8] = fpu.instructionSelector;
    image[9] = fpu.opcode & 0x7ff;
    image[10] = fpu.operandOffset;
    image[11] = fpu.operandOffset >>> 16;
    image[12] = fpu.operandSelector;
  }
}

function buildRealPointers(fpu: Fpu): void {
  const instruction = (fpu.instructionSelector * 16 + fpu.instructionOffset) | 0;
  image[6] = instruction;
  image[8] = ((instruction >>> 16) << 12) | (fpu.opcode & 0x7ff);
  image[9] = instruction >>> 20;
  const operand = (fpu.operandSelector * 16 + fpu.operandOffset) | 0;
  image[10] = operand;
  image[12] = (operand >>> 16) << 12;
  image[13] = operand >>> 20;
}

/** In the 16-bit layout only the even half-words are stored. */
function writeEnvironment(cpu: Cpu, address: number, info: number): void {
  buildEnvironment(cpu);
  const small = (info & INFO.OPERAND_SIZE_16) !== 0;
  for (let i = 0; i < 14; i += small ? 2 : 1) cpu.mmu.write16((address + (small ? i : 2 * i)) | 0, image[i]!);
}

function readEnvironment(cpu: Cpu, address: number, info: number): void {
  const small = (info & INFO.OPERAND_SIZE_16) !== 0;
  image.fill(0);
  for (let i = 0; i < 14; i += small ? 2 : 1) image[i] = cpu.mmu.read16((address + (small ? i : 2 * i)) | 0);
}

/** Takes over what `readEnvironment` read. */
function applyEnvironment(cpu: Cpu): void {
  const fpu = cpu.fpu;
  fpu.control = (image[0]! & CONTROL.WRITABLE) | CONTROL.RESERVED_ONE;
  fpu.setStatusWord(image[2]!);
  fpu.setTagWord(image[4]!);
  if (isRealImage(cpu)) {
    fpu.instructionOffset = image[6]! | ((image[8]! & 0xf000) << 4) | (image[9]! << 20);
    fpu.instructionSelector = 0;
    fpu.operandOffset = image[10]! | ((image[12]! & 0xf000) << 4) | (image[13]! << 20);
    fpu.operandSelector = 0;
    fpu.opcode = image[8]! & 0x7ff;
  } else {
    fpu.instructionOffset = image[6]! | (image[7]! << 16);
    fpu.instructionSelector = image[8]!;
    fpu.opcode = image[9]! & 0x7ff;
    fpu.operandOffset = image[10]! | (image[11]! << 16);
    fpu.operandSelector = image[12]!;
  }
}

/** Silicon touches the first and the last byte of an image before the rest: that decides CR2 when the image straddles into a missing page. */
function probeImage(cpu: Cpu, address: number, size: number, write: boolean): void {
  const last = (address + size - 1) | 0;
  if (write) {
    cpu.mmu.probeWrite(address, 1);
    cpu.mmu.probeWrite(last, 1);
    cpu.mmu.probeWrite(address, size);
  } else {
    cpu.mmu.probeRead(address, 1);
    cpu.mmu.probeRead(last, 1);
    cpu.mmu.probeRead(address, size);
  }
}

const fnstenv: Helper = (cpu, address, info) => {
  checkX87(cpu);
  probeImage(cpu, address, environmentSize(info), true);
  writeEnvironment(cpu, address, info);
  cpu.fpu.control |= CONTROL.MASKS;
  cpu.fpu.summarize();
};

const fldenv: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  probeImage(cpu, address, environmentSize(info), false);
  readEnvironment(cpu, address, info);
  applyEnvironment(cpu);
};

function writeRegister(cpu: Cpu, address: number, i: number): void {
  const fpu = cpu.fpu;
  const register = physical(fpu, i);
  cpu.mmu.write32(address, fpu.significand[2 * register]!);
  cpu.mmu.write32((address + 4) | 0, fpu.significand[2 * register + 1]!);
  cpu.mmu.write16((address + 8) | 0, fpu.exponent[register]!);
}

function readRegister(cpu: Cpu, address: number, i: number): void {
  const fpu = cpu.fpu;
  const register = physical(fpu, i);
  fpu.significand[2 * register] = cpu.mmu.read32(address);
  fpu.significand[2 * register + 1] = cpu.mmu.read32((address + 4) | 0);
  fpu.exponent[register] = cpu.mmu.read16((address + 8) | 0);
}

const fnsave: Helper = (cpu, address, info) => {
  checkX87(cpu);
  const size = environmentSize(info);
  probeImage(cpu, address, size + 80, true);
  writeEnvironment(cpu, address, info);
  for (let i = 0; i < 8; i++) writeRegister(cpu, (address + size + 10 * i) | 0, i);
  cpu.fpu.initialize();
};

const frstor: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  const size = environmentSize(info);
  probeImage(cpu, address, size + 80, false);
  readEnvironment(cpu, address, info);
  applyEnvironment(cpu);
  for (let i = 0; i < 8; i++) readRegister(cpu, (address + size + 10 * i) | 0, i);
};

/** Like SSE, not like x87: #UD with CR0.EM (SDM vol. 2, FXSAVE). */
function checkFxsave(cpu: Cpu, address: number): void {
  if (cpu.cr0 & CR0.EM) fault(Vector.UD);
  if (cpu.cr0 & CR0.TS) fault(Vector.NM);
  if (address & 15) fault(Vector.GP, 0);
}

function savedXmms(cpu: Cpu): number {
  return cpu.cr4 & CR4.OSFXSR ? 8 : 0;
}

/** Linear addresses of the 16-byte parts of the area: with 16-bit addresses its offsets wrap at 64 KiB (seen on silicon). */
const parts = new Int32Array(32);

/** Locates the area and makes sure that all of it may be accessed. */
function openArea(cpu: Cpu, address: number, info: number, write: boolean): void {
  for (let i = 0; i < 32; i++) parts[i] = address + 16 * i;
  if (info & INFO.ADDRESS_16) return openWrapping(cpu, segmentOf(info), write);
  if (write) cpu.mmu.probeWrite(address, 512);
  else cpu.mmu.probeRead(address, 512);
}
function openWrapping(cpu: Cpu, segment: number, write: boolean): void {
  const base = cpu.r[R_SEGMENT_BASE + segment]!;
  for (let i = 0; i < 32; i++)
    parts[i] = segmentAddress(cpu, segment, (parts[i]! - base) & 0xffff, 16, write ? 1 : 0);
  for (let i = 0; i < 32; i++) {
    if (write) cpu.mmu.probeWrite(parts[i]!, 16);
    else cpu.mmu.probeRead(parts[i]!, 16);
  }
}

const fxsave: Helper = (cpu, address, info) => {
  checkFxsave(cpu, address);
  const { fpu, mmu } = cpu;
  openArea(cpu, address, info, true);
  writeFxHeader(cpu, parts[0]!, parts[1]!);
  for (let i = 0; i < 8; i++) {
    const at = parts[2 + i]!;
    writeRegister(cpu, at, i);
    mmu.write16((at + 10) | 0, 0);
    mmu.write32((at + 12) | 0, 0);
  }
  for (let i = 0; i < 4 * savedXmms(cpu); i++)
    mmu.write32((parts[10 + (i >> 2)]! + 4 * (i & 3)) | 0, fpu.xmm[i]!);
};

function writeFxHeader(cpu: Cpu, address: number, second: number): void {
  const { fpu, mmu } = cpu;
  mmu.write16(address, fpu.control);
  mmu.write16((address + 2) | 0, fpu.statusWord());
  mmu.write16((address + 4) | 0, fpu.valid);
  mmu.write16((address + 6) | 0, fpu.opcode);
  mmu.write32((address + 8) | 0, fpu.instructionOffset);
  mmu.write32((address + 12) | 0, fpu.instructionSelector);
  mmu.write32(second, fpu.operandOffset);
  mmu.write32((second + 4) | 0, fpu.operandSelector);
  mmu.write32((second + 8) | 0, fpu.mxcsr);
  mmu.write32((second + 12) | 0, MXCSR_MASK);
}

const fxrstor: Helper = (cpu, address, info) => {
  checkFxsave(cpu, address);
  const { fpu, mmu } = cpu;
  openArea(cpu, address, info, false);
  const mxcsr = mmu.read32((parts[1]! + 8) | 0);
  if (cpu.cr4 & CR4.OSFXSR) {
    if (mxcsr & ~MXCSR_MASK) fault(Vector.GP, 0);
    fpu.mxcsr = mxcsr;
  }
  readFxHeader(cpu, parts[0]!, parts[1]!);
  for (let i = 0; i < 8; i++) readRegister(cpu, parts[2 + i]!, i);
  for (let i = 0; i < 4 * savedXmms(cpu); i++)
    fpu.xmm[i] = mmu.read32((parts[10 + (i >> 2)]! + 4 * (i & 3)) | 0);
};

function readFxHeader(cpu: Cpu, address: number, second: number): void {
  const { fpu, mmu } = cpu;
  fpu.control = (mmu.read16(address) & CONTROL.WRITABLE) | CONTROL.RESERVED_ONE;
  fpu.setStatusWord(mmu.read16((address + 2) | 0));
  fpu.valid = mmu.read8((address + 4) | 0);
  fpu.opcode = mmu.read16((address + 6) | 0) & 0x7ff;
  fpu.instructionOffset = mmu.read32((address + 8) | 0) | 0;
  fpu.instructionSelector = mmu.read16((address + 12) | 0);
  fpu.operandOffset = mmu.read32(second) | 0;
  fpu.operandSelector = mmu.read16((second + 4) | 0);
}

export const X87_CONTROL: Record<string, Helper> = {
  FNCLEX: fnclex,
  FNINIT: fninit,
  FNSTCW: fnstcw,
  FLDCW: fldcw,
  FNSTSW: fnstsw,
  FNOP: fnop,
  FNENI: ignored,
  FNDISI: ignored,
  FNSETPM: ignored,
  FWAIT: fwait,
  FINCSTP: rotate(1),
  FDECSTP: rotate(-1),
  FFREE: ffree(false),
  FFREEP: ffree(true),
  FNSTENV: fnstenv,
  FLDENV: fldenv,
  FNSAVE: fnsave,
  FRSTOR: frstor,
  FXSAVE: fxsave,
  FXRSTOR: fxrstor,
};
