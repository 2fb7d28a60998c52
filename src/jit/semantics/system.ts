/** Semantics: segment registers, control registers, descriptor tables, ports, flags image, processor identification (SDM vol. 1, 7.3.14-7.3.17; vol. 3, 2.8). */
import type { Builder } from '../builder.js';
import type { Value } from '../ir.js';
import { SS } from '../../decoder/instruction.js';
import { Vector } from '../../runtime/fault.js';
import { EFLAGS, R_BUDGET, R_CPL, R_EFLAGS, R_LINES, STATUS_FLAGS } from '../../runtime/state.js';

const operandSize = (b: Builder): 16 | 32 => (b.instruction.operandSize === 16 ? 16 : 32);
const number = (b: Builder, value: number): Value => b.constant(32, value);

/** Loads a segment register through the helper that does every check. */
function loadSegment(b: Builder, segment: number, selector: Value): void {
  if (segment === SS) b.helper('loadStackSegment', selector);
  else b.helper('loadSegment', number(b, segment), selector);
}
function moveSegment(b: Builder): void {
  if (b.operand(0).kind === 'segment') {
    return loadSegment(b, b.fileIndex(0), b.let(b.zeroExtend(32, b.truncate(16, b.read(1)))));
  }
  const selector = b.helperValue('selector', number(b, b.fileIndex(1)));
  b.write(0, b.truncate(b.width(0), selector));
}
function pushSegment(b: Builder): void {
  b.push(operandSize(b), b.truncate(operandSize(b), b.helperValue('selector', number(b, b.fileIndex(0)))));
}
/** The stack pointer moves only after the load has succeeded. */
function popSegment(b: Builder): void {
  const size = operandSize(b);
  const selector = b.let(b.and(b.zeroExtend(32, b.peek(size)), number(b, 0xffff)));
  loadSegment(b, b.fileIndex(0), selector);
  b.dropStack(size / 8);
}
function loadFarPointer(segment: number) {
  return (b: Builder): void => {
    const size = operandSize(b);
    const address = b.wholeLinear(1, false, size / 8 + 2);
    const offset = b.load(size, address);
    const selector = b.let(b.zeroExtend(32, b.load(16, b.add(address, number(b, size / 8)))));
    // LSS holds nothing off (SDM vol. 3, 6.8.3).
    b.helper('loadSegment', number(b, segment), selector);
    b.write(0, offset);
  };
}

/** The next instruction is looked up afresh: the translation of this page may have changed. */
function refetch(b: Builder): void {
  b.jump(b.nextEip(), 'indirect');
}
function moveControl(b: Builder): void {
  if (b.operand(0).kind === 'control') {
    const index = b.fileIndex(0);
    b.helper('movToCr', number(b, index), b.read(1));
    if (index !== 2 && index !== 3) refetch(b);
    return;
  }
  b.write(0, b.helperValue('movFromCr', number(b, b.fileIndex(1))));
}
function moveDebug(b: Builder): void {
  if (b.operand(0).kind === 'debug') b.helper('movToDr', number(b, b.fileIndex(0)), b.read(1));
  else b.write(0, b.helperValue('movFromDr', number(b, b.fileIndex(1))));
}
const tableAccess = (helper: string, write: boolean) => (b: Builder) =>
  b.helper(helper, b.wholeLinear(0, write, 6), number(b, operandSize(b)));
/** SLDT, STR, SMSW: 16 bits to memory, zero-extended to a register. */
const storeValue = (helper: string) => (b: Builder) =>
  b.write(0, b.truncate(b.width(0), b.helperValue(helper)));
const loadValue = (helper: string) => (b: Builder) =>
  b.helper(helper, b.zeroExtend(32, b.truncate(16, b.read(0))));
/** LAR, LSL: the helper gives the new destination and sets ZF. */
const inspect = (helper: string) => (b: Builder) => {
  const selector = b.let(b.zeroExtend(32, b.truncate(16, b.read(1))));
  b.write(0, b.truncate(b.width(0), b.helperValue(helper, selector, b.zeroExtend(32, b.read(0)))));
};

/** ARPL needs a writable destination even when it changes nothing; its page is read first (SDM vol. 2). */
function adjustRpl(b: Builder): void {
  b.helper('requireProtected');
  if (b.isMemory(0)) b.linear(0, true);
  const destination = b.let(b.read(0));
  const rpl = b.let(b.and(b.read(1), b.constant(16, 3)));
  const lower = b.let(b.binary('ltU', b.and(destination, b.constant(16, 3)), rpl));
  const raised = b.let(b.or(b.and(destination, b.constant(16, 0xfffc)), rpl));
  b.write(0, b.select(lower, raised, destination));
  const others = b.and(b.statusFlags(), number(b, ~EFLAGS.ZF));
  b.setExplicitFlags(b.let(b.or(others, b.select(lower, number(b, EFLAGS.ZF), number(b, 0)))));
}

const port = (b: Builder, n: number): Value =>
  b.operand(n).kind === 'immediate' ? b.read(n, 32) : b.zeroExtend(32, b.read(n));
function portIn(b: Builder): void {
  const width = b.width(0);
  b.write(0, b.truncate(width, b.helperValue('portIn', b.let(port(b, 1)), number(b, width / 8))));
}
function portOut(b: Builder): void {
  const width = b.width(1);
  b.helper('portOut', b.let(port(b, 0)), number(b, width / 8), b.zeroExtend(32, b.read(1)));
}

/** Outside virtual-8086 mode the image is what EFLAGS holds, VM and RF cleared. */
function pushFlags(b: Builder): void {
  const size = operandSize(b);
  const image = b.mode.vm86
    ? b.helperValue('pushf', number(b, size))
    : b.and(b.or(b.state(R_EFLAGS), b.statusFlags()), number(b, ~(EFLAGS.VM | EFLAGS.RF)));
  b.push(size, b.truncate(size, image));
}
/** What POPF may change at CPL 0 without anything else having to look: all but TF. */
const QUIET_FLAGS = EFLAGS.IF | EFLAGS.DF | EFLAGS.IOPL | EFLAGS.NT | EFLAGS.AC | EFLAGS.ID;
function popFlags(b: Builder): void {
  const size = operandSize(b);
  const image = b.let(b.zeroExtend(32, b.peek(size)));
  const anyhow = (): void => {
    b.helper('popf', image, number(b, size));
    b.dropStack(size / 8);
  };
  if (size === 16) return anyhow();
  const old = b.state(R_EFLAGS);
  const changed = b.let(b.xor(old, image));
  const loud = b.and(changed, number(b, EFLAGS.TF));
  const lines = b.and(b.shift('shrU', b.and(image, number(b, EFLAGS.IF)), 9), b.state(R_LINES));
  b.rarely(b.or(b.state(R_CPL), b.or(loud, lines)), anyhow, () => {
    const next = b.xor(old, b.and(changed, number(b, QUIET_FLAGS)));
    b.setState(R_EFLAGS, b.and(next, number(b, ~EFLAGS.RF)));
    b.setExplicitFlags(b.and(image, number(b, STATUS_FLAGS)));
    b.dropStack(size / 8);
  });
}

/** At CPL 0, which virtual-8086 mode never has, IOPL does not matter. */
function clearInterruptFlag(b: Builder): void {
  b.rarely(
    b.state(R_CPL),
    () => b.helper('cli'),
    () => b.setState(R_EFLAGS, b.and(b.state(R_EFLAGS), number(b, ~EFLAGS.IF))),
  );
}
/** Where nothing waits, as in the helper. */
function setInterruptFlag(b: Builder): void {
  const late = b.binary('leS', b.state(R_BUDGET), number(b, 1));
  b.rarely(
    b.or(b.or(b.state(R_CPL), b.state(R_LINES)), late),
    () => b.helper('sti'),
    () => b.setState(R_EFLAGS, b.or(b.state(R_EFLAGS), number(b, EFLAGS.IF))),
  );
}

const plain = (helper: string) => (b: Builder) => b.helper(helper);
const undefinedOpcode = (b: Builder): void => b.fault(Vector.UD);

export const SYSTEM = {
  MOVSEG: moveSegment,
  PUSHSEG: pushSegment,
  POPSEG: popSegment,
  LES: loadFarPointer(0),
  LSS: loadFarPointer(2),
  LDS: loadFarPointer(3),
  LFS: loadFarPointer(4),
  LGS: loadFarPointer(5),
  MOVCR: moveControl,
  MOVDR: moveDebug,
  CLTS: plain('clts'),
  LMSW: loadValue('lmsw'),
  SMSW: storeValue('smsw'),
  LGDT: tableAccess('lgdt', false),
  LIDT: tableAccess('lidt', false),
  SGDT: tableAccess('sgdt', true),
  SIDT: tableAccess('sidt', true),
  LLDT: loadValue('lldt'),
  LTR: loadValue('ltr'),
  SLDT: storeValue('sldt'),
  STR: storeValue('str'),
  LAR: inspect('lar'),
  LSL: inspect('lsl'),
  VERR: loadValue('verr'),
  VERW: loadValue('verw'),
  ARPL: adjustRpl,
  IN: portIn,
  OUT: portOut,
  PUSHF: pushFlags,
  POPF: popFlags,
  CLI: clearInterruptFlag,
  STI: setInterruptFlag,
  HLT: plain('hlt'),
  INVLPG: (b: Builder): void => b.helper('invlpg', b.linear(0, false, 1)),
  INVD: plain('wbinvd'),
  WBINVD: plain('wbinvd'),
  CPUID: plain('cpuid'),
  RDTSC: plain('rdtsc'),
  RDTSCP: undefinedOpcode,
  RDPMC: plain('rdpmc'),
  RDMSR: plain('rdmsr'),
  WRMSR: plain('wrmsr'),
  SYSENTER: (b: Builder): void => b.transfer('sysenter'),
  SYSEXIT: (b: Builder): void => b.transfer('sysexit'),
  SYSCALL: undefinedOpcode,
  SYSRET: undefinedOpcode,
  SWAPGS: undefinedOpcode,
  MONITOR: undefinedOpcode,
  MWAIT: undefinedOpcode,
  RSM: undefinedOpcode,
  VMCALL: undefinedOpcode,
  VMMCALL: undefinedOpcode,
  MOVSXD: undefinedOpcode,
  CLFLUSH: (b: Builder): void => void b.load(8, b.linear(0, false, 1)),
} as const;
