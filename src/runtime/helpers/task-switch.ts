/** Hardware task switches with 32-bit and 16-bit TSSs, nested tasks included (SDM vol. 3, chapter 7). */
import { fault, Vector } from '../fault.js';
import { getEflags, setEflags } from '../flags.js';
import {
  ATTRIBUTE,
  CR0,
  EFLAGS,
  ESP,
  LDTR,
  PENDING,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
  STATUS_FLAGS,
  TR,
  type Cpu,
} from '../state.js';
import { checkEip } from './code-segment.js';
import {
  codeDescriptor,
  dataDescriptor,
  Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
  setBusy,
  SystemType,
} from './descriptors.js';
import { CS, loadRealSegment, setCpl, setSegment, setSegmentFrom, SS } from './segments.js';
import { openCurrentStack, push, pushStack } from './stack.js';

export const TaskSwitch = { JUMP: 0, CALL: 1, RETURN: 2, INTERRUPT: 3 } as const;
export type TaskSwitch = (typeof TaskSwitch)[keyof typeof TaskSwitch];

const tss = new Descriptor();

/** Whether the last switch got as far as the new task: a fault after that is not the old instruction's. */
export const switching = { committed: false };

/** What the incoming TSS holds, read before anything changes. Segments: ES CS SS DS FS GS. */
const incoming = {
  cr3: 0,
  eip: 0,
  eflags: 0,
  ldt: 0,
  /** The T bit. */
  trap: 0,
  registers: new Int32Array(8),
  selectors: new Uint16Array(6),
};

/** An exception or interrupt through a task gate. `image` is the EFLAGS to save. */
export function taskGate(
  cpu: Cpu,
  selector: number,
  returnEip: number,
  errorCode: number,
  ext: number,
  image: number,
): void {
  switchTask(cpu, selector, TaskSwitch.INTERRUPT, returnEip, ext, image);
  if (errorCode >= 0) {
    openCurrentStack(cpu, ext);
    push(cpu, tss.type & 8 ? 32 : 16, errorCode);
    cpu.r[ESP] = pushStack.pointer;
  }
  trapNewTask(cpu);
}

/** IRET with NT set: back to the task in the back link. */
export function taskReturn(cpu: Cpu, nextEip: number): void {
  const { segments } = cpu;
  if (!(segments.attributes[TR]! & ATTRIBUTE.P)) fault(Vector.TS, 0);
  const link = cpu.mmu.readSystem16(segments.base[TR]!) & 0xffff;
  taskSwitch(cpu, link, TaskSwitch.RETURN, nextEip, 0);
}

/** Switches to the task of a TSS selector; `nextEip` is where the old task resumes. */
export function taskSwitch(
  cpu: Cpu,
  selector: number,
  reason: TaskSwitch,
  nextEip: number,
  ext: number,
): void {
  switchTask(cpu, selector, reason, nextEip, ext, getEflags(cpu));
  trapNewTask(cpu);
}

/** The T bit of a 32-bit TSS: #DB before the first instruction of the new task (SDM vol. 3, 17.3.1.5). */
function trapNewTask(cpu: Cpu): void {
  if (!incoming.trap) return;
  cpu.dr[6]! |= DR6_BT;
  fault(Vector.DB);
}

function switchTask(
  cpu: Cpu,
  selector: number,
  reason: TaskSwitch,
  nextEip: number,
  ext: number,
  image: number,
): void {
  switching.committed = false;
  checkTss(cpu, selector, reason, ext);
  const oldSelector = cpu.segments.selector[TR]!;
  saveTask(cpu, nextEip, reason === TaskSwitch.RETURN ? image & ~EFLAGS.NT : image);
  readTask(cpu);
  changeLinks(cpu, oldSelector, reason);
  commitTask(cpu, selector);
  loadTaskSegments(cpu, ext);
}

function checkTss(cpu: Cpu, selector: number, reason: TaskSwitch, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  const vector = reason === TaskSwitch.RETURN ? Vector.TS : Vector.GP;
  if (isNull(selector) || selector & 4) fault(vector, errorCode);
  readDescriptor(cpu, selector, tss, vector, ext);
  const busy = reason === TaskSwitch.RETURN ? 2 : 0;
  if (!tss.isSystem || (tss.type & ~8) !== (SystemType.TSS16_AVAILABLE | busy)) fault(vector, errorCode);
  if (!tss.present) fault(Vector.NP, errorCode);
  if (tss.limit < (tss.type & 8 ? 0x67 : 0x2b)) fault(Vector.TS, errorCode);
}

function saveTask(cpu: Cpu, nextEip: number, image: number): void {
  const { segments, mmu, r } = cpu;
  const attributes = segments.attributes[TR]!;
  const wide = (attributes & 8) !== 0;
  if (!(attributes & ATTRIBUTE.P) || segments.limit[TR]! < (wide ? 0x5f : 0x29))
    fault(Vector.TS, segments.selector[TR]! & 0xfffc);
  const base = segments.base[TR]!;
  if (!wide) return saveTask16(cpu, base, nextEip, image);
  mmu.writeSystem32((base + 0x20) | 0, nextEip);
  mmu.writeSystem32((base + 0x24) | 0, image);
  for (let i = 0; i < 8; i++) mmu.writeSystem32((base + 0x28 + i * 4) | 0, r[i]!);
  for (let i = 0; i < 6; i++) mmu.writeSystem16((base + 0x48 + i * 4) | 0, segments.selector[i]!);
}

function saveTask16(cpu: Cpu, base: number, nextEip: number, image: number): void {
  const { segments, mmu, r } = cpu;
  mmu.writeSystem16((base + 0x0e) | 0, nextEip & 0xffff);
  mmu.writeSystem16((base + 0x10) | 0, image & 0xffff);
  for (let i = 0; i < 8; i++) mmu.writeSystem16((base + 0x12 + i * 2) | 0, r[i]! & 0xffff);
  for (let i = 0; i < 4; i++) mmu.writeSystem16((base + 0x22 + i * 2) | 0, segments.selector[i]!);
}

function readTask(cpu: Cpu): void {
  const { mmu } = cpu;
  const base = tss.base;
  if (!(tss.type & 8)) return readTask16(cpu, base);
  incoming.cr3 = mmu.readSystem32((base + 0x1c) | 0) | 0;
  incoming.eip = mmu.readSystem32((base + 0x20) | 0) | 0;
  incoming.eflags = mmu.readSystem32((base + 0x24) | 0) | 0;
  for (let i = 0; i < 8; i++) incoming.registers[i] = mmu.readSystem32((base + 0x28 + i * 4) | 0);
  for (let i = 0; i < 6; i++) incoming.selectors[i] = mmu.readSystem16((base + 0x48 + i * 4) | 0);
  incoming.ldt = mmu.readSystem16((base + 0x60) | 0) & 0xffff;
  incoming.trap = mmu.readSystem16((base + 0x64) | 0) & 1;
}

function readTask16(cpu: Cpu, base: number): void {
  const { mmu } = cpu;
  incoming.eip = mmu.readSystem16((base + 0x0e) | 0) & 0xffff;
  incoming.eflags = mmu.readSystem16((base + 0x10) | 0) & 0xffff;
  for (let i = 0; i < 8; i++)
    incoming.registers[i] = mmu.readSystem16((base + 0x12 + i * 2) | 0) | 0xffff0000;
  for (let i = 0; i < 4; i++) incoming.selectors[i] = mmu.readSystem16((base + 0x22 + i * 2) | 0);
  incoming.selectors[4] = 0;
  incoming.selectors[5] = 0;
  incoming.ldt = mmu.readSystem16((base + 0x2a) | 0) & 0xffff;
  incoming.trap = 0;
}

/** Busy bits and the back link (SDM vol. 3, table 7-2). */
function changeLinks(cpu: Cpu, oldSelector: number, reason: TaskSwitch): void {
  const nested = reason === TaskSwitch.CALL || reason === TaskSwitch.INTERRUPT;
  if (nested) cpu.mmu.writeSystem16(tss.base, oldSelector);
  else if (!isNull(oldSelector)) setBusy(cpu, (cpu.gdtBase + (oldSelector & 0xfff8)) | 0, false);
  if (reason !== TaskSwitch.RETURN) setBusy(cpu, tss.address, true);
  if (nested) incoming.eflags |= EFLAGS.NT;
}

const FLAGS_32 =
  STATUS_FLAGS |
  (EFLAGS.TF | EFLAGS.IF | EFLAGS.DF | EFLAGS.IOPL | EFLAGS.NT | EFLAGS.RF) |
  (EFLAGS.VM | EFLAGS.AC | EFLAGS.VIF | EFLAGS.VIP | EFLAGS.ID);

/** LE and L0-L3, which a task switch clears (SDM vol. 3, 17.2.4). */
const DR7_LOCAL = 0x155;
/** Task switch (SDM vol. 3, 17.2.3). */
const DR6_BT = 1 << 15;

function commitTask(cpu: Cpu, selector: number): void {
  setSegment(cpu, TR, selector & 0xffff, tss.base, tss.limit, tss.attributes | 2);
  if (tss.type & 8 && cpu.cr0 & CR0.PG) cpu.mmu.loadCr3(incoming.cr3);
  cpu.cr0 |= CR0.TS;
  cpu.trace.entered = true;
  cpu.trace.loadedResume = true;
  cpu.dr[7]! &= ~DR7_LOCAL;
  cpu.r.set(incoming.registers, 0);
  cpu.r[R_EIP] = incoming.eip;
  setEflags(cpu, incoming.eflags, FLAGS_32);
  cpu.r[R_PENDING]! |= PENDING.MODE;
}

/** From here on a fault belongs to the new task (SDM vol. 3, 7.3). */
function loadTaskSegments(cpu: Cpu, ext: number): void {
  switching.committed = true;
  const { selectors } = incoming;
  for (let i = 0; i < 6; i++) setSegment(cpu, i, selectors[i]!, 0, 0, 0);
  loadTaskLdt(cpu, incoming.ldt, ext);
  if (cpu.r[R_EFLAGS]! & EFLAGS.VM) {
    setCpl(cpu, 3);
    for (let i = 0; i < 6; i++) loadRealSegment(cpu, i, selectors[i]!);
  } else {
    setCpl(cpu, selectors[CS]! & 3);
    loadTaskStack(cpu, selectors[SS]!, ext);
    for (let i = 0; i < 6; i++) if (i !== CS && i !== SS) loadTaskData(cpu, i, selectors[i]!, ext);
    loadTaskCode(cpu, selectors[CS]!, ext);
  }
  checkEip(cpu.r[R_EIP]!, cpu.segments.limit[CS]!, ext);
}

function loadTaskLdt(cpu: Cpu, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  setSegment(cpu, LDTR, selector, 0, 0, 0);
  if (isNull(selector)) return;
  if (selector & 4) fault(Vector.TS, errorCode);
  readDescriptor(cpu, selector, dataDescriptor, Vector.TS, ext);
  if (!dataDescriptor.isSystem || dataDescriptor.type !== SystemType.LDT || !dataDescriptor.present)
    fault(Vector.TS, errorCode);
  setSegmentFrom(cpu, LDTR, selector, dataDescriptor);
}

function loadTaskCode(cpu: Cpu, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  const code = codeDescriptor;
  const rpl = selector & 3;
  if (isNull(selector)) fault(Vector.TS, ext);
  readDescriptor(cpu, selector, code, Vector.TS, ext);
  if (!code.isCode || (code.isConforming ? code.dpl > rpl : code.dpl !== rpl)) fault(Vector.TS, errorCode);
  if (!code.present) fault(Vector.NP, errorCode);
  markAccessed(cpu, code);
  setSegmentFrom(cpu, CS, selector, code);
}

function loadTaskStack(cpu: Cpu, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  const cpl = incoming.selectors[CS]! & 3;
  if (isNull(selector)) fault(Vector.TS, ext);
  readDescriptor(cpu, selector, dataDescriptor, Vector.TS, ext);
  if ((selector & 3) !== cpl || dataDescriptor.dpl !== cpl || !dataDescriptor.isWritableData)
    fault(Vector.TS, errorCode);
  if (!dataDescriptor.present) fault(Vector.SS, errorCode);
  markAccessed(cpu, dataDescriptor);
  setSegmentFrom(cpu, SS, selector, dataDescriptor);
}

function loadTaskData(cpu: Cpu, segment: number, selector: number, ext: number): void {
  if (isNull(selector)) return;
  const errorCode = (selector & 0xfffc) | ext;
  readDescriptor(cpu, selector, dataDescriptor, Vector.TS, ext);
  const { dpl } = dataDescriptor;
  const cpl = incoming.selectors[CS]! & 3;
  const allowed = dataDescriptor.isConforming || (dpl >= cpl && dpl >= (selector & 3));
  if (!dataDescriptor.isReadable || !allowed) fault(Vector.TS, errorCode);
  if (!dataDescriptor.present) fault(Vector.NP, errorCode);
  markAccessed(cpu, dataDescriptor);
  setSegmentFrom(cpu, segment, selector, dataDescriptor);
}
