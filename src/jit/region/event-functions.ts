/**
 * Transfers between privilege levels, and what goes with them, as functions that the host compiles ahead of time: INT and delivery of exceptions through a gate, IRET, SYSENTER and
 * SYSEXIT, loads of data segments. They do what the helpers of the same names do (runtime/helpers) where nothing is unusual: flat 32-bit code and stack segments
 * whose descriptors have been used, tables and stacks that the TLB has, no page fault, no task gate, nothing that waits. Each first looks at everything, then changes
 * everything and returns 1, or changes nothing and returns 0, and the helper is to be called.
 */
import type { Expression, Statement } from 'estree';
import { js, statements } from '../emit/quote.js';
import { ANY_CPL_FLAGS } from '../../runtime/helpers/virtual-flags.js';
import {
  ATTRIBUTE,
  EFLAGS,
  ESP,
  ECX,
  EDX,
  LINES,
  PENDING,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_LINES,
  R_PENDING,
  R_SEGMENT_BASE,
  S_BASE,
  S_FLAT,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_LIMIT,
  S_NMI_BLOCKED,
  S_PLAIN,
  S_SYSENTER,
  S_TURN,
  S_WINDOW,
  STATUS_FLAGS,
  TR,
} from '../../runtime/state.js';
import type { AsmLayout } from './asm-printer.js';
import { compileAhead, type AsmFunction } from './compile.js';
import { carries, statusFlags } from './flag-functions.js';

const CS = 1,
  SS = 2;
/** High words of the descriptors of flat 32-bit segments that have been used, but for DPL and AVL. */
const FLAT_CODE = 0x00cf9b00,
  FLAT_DATA = 0x00cf9300;
const DPL_AND_AVL = 0x00106000;
/** Attributes in which segments of the same use may differ without any effect on translated code. */
const QUIET = ATTRIBUTE.DPL | ATTRIBUTE.ACCESSED;
const PLAIN_CODE = (FLAT_CODE >> 8) & 0xf0ff,
  PLAIN_DATA = (FLAT_DATA >> 8) & 0xf0ff;
const UNUSUAL_FLAGS = EFLAGS.TF | EFLAGS.NT | EFLAGS.RF | EFLAGS.VM;

/** Returns 0 unless CS and SS are flat 32-bit segments of protected mode and nothing is stepped, watched or to be followed first. */
const requirePlain = (): Statement[] => statements`
  if (sys[${S_PLAIN}] === 0) { return 0; }
  if ((r[${R_PENDING}] & ${PENDING.MODE}) !== 0) { return 0; }
  if ((sys[${S_FLAT}] & 6) !== 6) { return 0; }
  if ((r[${R_EFLAGS}] & ${UNUSUAL_FLAGS}) !== 0) { return 0; }
  const cs = sa[${CS}], ss = sa[${SS}];
  if (((cs ^ ${PLAIN_CODE}) & ~${QUIET}) !== 0) { return 0; }
  if (((ss ^ ${PLAIN_DATA}) & ~${QUIET}) !== 0) { return 0; }`;

/** `at` = machine address of the descriptor that a selector names, in the GDT and in the TLB. */
const findDescriptor = (selector: string, at: string): Statement[] => statements`
  if ((${selector} & 65532) === 0) { return 0; }
  if ((${selector} & 4) !== 0) { return 0; }
  if (((${selector} & 65528) + 7 | 0) > (sys[${S_GDT_LIMIT}] | 0)) { return 0; }
  let ${at} = sys[${S_GDT_BASE}] + (${selector} & 65528) | 0;
  ${machineOf(at, 7, 'RT')};`;

/** Makes the linear address in a variable, aligned as `mask` says, a machine address; supervisor accesses. */
const machineOf = (at: string, mask: number, table: string): Statement[] => statements`{
  const entry = ${table}[${at} >>> 12];
  if (((entry | ${at}) & ${mask}) !== 0) { return 0; }
  ${at} = entry ^ ${at};
}`;

/** `high` = the high word of the flat descriptor that a selector names. */
const flatDescriptor = (selector: string, at: string, high: string, kind: number): Statement[] => statements`
  ${findDescriptor(selector, at)};
  if (dv.getInt32(${at}, true) !== 65535) { return 0; }
  const ${high} = dv.getInt32(${at} + 4 | 0, true);
  if ((${high} & ~${DPL_AND_AVL}) !== ${kind}) { return 0; }`;
const dpl = (high: string): Expression => js`(${high} >> 13 & 3)`;
const attributesOf = (high: string): Expression => js`(${high} >> 8 & 61695)`;

/** CS and CPL, after all checks: `attributes` differ from those there are in nothing that matters. */
const setCode = (selector: Expression, attributes: Expression, cpl: Expression): Statement[] => statements`
  sg[${CS}] = ${selector};
  sa[${CS}] = ${attributes};
  r[${R_CPL}] = ${cpl};`;
const setStack = (selector: Expression, attributes: Expression): Statement[] => statements`
  sg[${SS}] = ${selector};
  sa[${SS}] = ${attributes};`;
const modeChanges = (): Statement[] => statements`r[${R_PENDING}] = r[${R_PENDING}] | ${PENDING.MODE};`;
/** To or from CPL 3, and nothing else that modes tell apart. */
const turn = (): Statement[] => statements`
  sys[${S_TURN}] = ((r[${R_EFLAGS}] & ${EFLAGS.AC}) === 0 ? 1 : 0);
  ${modeChanges()};`;

/** Through an interrupt or trap gate. `rf` goes into the image of EFLAGS; `error` is pushed where `words` is 1. */
const enterGate = (): AsmFunction => ({
  parameters: ['vector', 'back', 'software', 'words', 'error', 'rf'],
  body: statements`
    ${requirePlain()};
    const cpl = r[${R_CPL}];
    if (((vector << 3) + 7 | 0) > (sys[${S_IDT_LIMIT}] | 0)) { return 0; }
    let gate = sys[${S_IDT_BASE}] + (vector << 3) | 0;
    ${machineOf('gate', 7, 'RT')};
    const low = dv.getInt32(gate, true), high = dv.getInt32(gate + 4 | 0, true);
    if ((high & 40448) !== 36352) { return 0; }
    if (software !== 0) {
      if (${dpl('high')} < cpl) { return 0; }
    }
    const selector = low >>> 16;
    ${flatDescriptor('selector', 'at', 'code', FLAT_CODE)};
    const ring = ${dpl('code')};
    if (((cs ^ ${attributesOf('code')}) & ~${QUIET}) !== 0) { return 0; }
    if (ring > cpl) { return 0; }
    let top = r[${ESP}], bytes = 12 + (words << 2) | 0, stack = 0, attributes = 0;
    if (ring === cpl) {
      if (cpl === 3) { return 0; }
    } else {
      if ((sa[${TR}] & 8) === 0) { return 0; }
      if (((ring << 3) + 9 | 0) > (sys[${S_LIMIT + TR}] | 0)) {
        if ((sys[${S_LIMIT + TR}] | 0) >= 0) { return 0; }
      }
      let inner = (sys[${S_BASE + TR}] + 4 | 0) + (ring << 3) | 0;
      if ((inner & 4095) > 4088) { return 0; }
      ${machineOf('inner', 3, 'RT')};
      top = dv.getInt32(inner, true);
      stack = dv.getInt32(inner + 4 | 0, true) & 65535;
      if ((stack & 3) !== ring) { return 0; }
      ${flatDescriptor('stack', 'place', 'data', FLAT_DATA)};
      if (${dpl('data')} !== ring) { return 0; }
      attributes = ${attributesOf('data')};
      if (((ss ^ attributes) & ~${QUIET}) !== 0) { return 0; }
      bytes = bytes + 8 | 0;
    }
    if (top >>> 0 < 64) { return 0; }
    let to = top - bytes | 0;
    if ((to & 4095) > (4096 - bytes | 0)) { return 0; }
    ${machineOf('to', 3, 'WT')};
    const flags = r[${R_EFLAGS}];
    const status = statusFlags(r[${R_FLAG_KIND}], r[${R_FLAG_A}], r[${R_FLAG_B}], r[${R_FLAG_RESULT}]);
    if (words !== 0) {
      dv.setInt32(to, error, true);
      to = to + 4 | 0;
    }
    dv.setInt32(to, back, true);
    dv.setInt32(to + 4 | 0, sg[${CS}], true);
    dv.setInt32(to + 8 | 0, flags | status | rf, true);
    if (ring !== cpl) {
      dv.setInt32(to + 12 | 0, r[${ESP}], true);
      dv.setInt32(to + 16 | 0, sg[${SS}], true);
      ${setStack(js`stack`, js`attributes`)};
      if (cpl === 3) { ${turn()} }
    }
    r[${ESP}] = top - bytes | 0;
    if ((high & 256) === 0) { r[${R_EFLAGS}] = flags & ~${EFLAGS.IF}; }
    ${setCode(js`selector & 65532 | ring`, attributesOf('code'), js`ring`)};
    r[${R_EIP}] = low & 65535 | high & -65536;`,
  result: '1',
});

/** IRETD of ring 0 to itself or to an outer ring. */
const iret = (): AsmFunction => ({
  parameters: [],
  body: statements`
    ${requirePlain()};
    if ((r[${R_CPL}] | sys[${S_NMI_BLOCKED}] | r[${R_LINES}] & ${LINES.NMI}) !== 0) { return 0; }
    let from = r[${ESP}];
    if ((from & 4095) > 4076) { return 0; }
    if (from >>> 0 > 4294963200) { return 0; }
    ${machineOf('from', 3, 'RT')};
    const image = dv.getInt32(from + 8 | 0, true), flags = r[${R_EFLAGS}];
    if ((image & ${UNUSUAL_FLAGS & ~EFLAGS.RF} | (image ^ flags) & ${EFLAGS.AC | EFLAGS.VIF | EFLAGS.VIP}) !== 0) { return 0; }
    const selector = dv.getInt32(from + 4 | 0, true) & 65535;
    ${flatDescriptor('selector', 'at', 'code', FLAT_CODE)};
    const ring = selector & 3;
    if (${dpl('code')} !== ring) { return 0; }
    if (((cs ^ ${attributesOf('code')}) & ~${QUIET}) !== 0) { return 0; }
    if (ring !== 0) {
      const stack = dv.getInt32(from + 16 | 0, true) & 65535;
      if ((stack & 3) !== ring) { return 0; }
      ${flatDescriptor('stack', 'place', 'data', FLAT_DATA)};
      if (${dpl('data')} !== ring) { return 0; }
      if (((ss ^ ${attributesOf('data')}) & ~${QUIET}) !== 0) { return 0; }
      ${[0, 3, 4, 5].flatMap(requireOuter)};
      r[${ESP}] = dv.getInt32(from + 12 | 0, true);
      ${setStack(js`stack`, attributesOf('data'))};
      if (ring === 3) { ${turn()} }
    } else { r[${ESP}] = r[${ESP}] + 12 | 0; }
    ${setCode(js`selector`, attributesOf('code'), js`ring`)};
    r[${R_EIP}] = dv.getInt32(from, true);
    const next = flags & ~${IRET_FLAGS} | image & ${IRET_FLAGS & ~STATUS_FLAGS} | 2;
    r[${R_EFLAGS}] = next;
    r[${R_FLAG_KIND}] = 0;
    r[${R_FLAG_A}] = image & ${STATUS_FLAGS};
    r[${R_FLAG_B}] = 0;
    r[${R_FLAG_RESULT}] = 0;
    if ((next & ~flags & ${EFLAGS.IF}) !== 0) {
      if ((r[${R_LINES}] & ${LINES.INTR}) !== 0) { r[${R_PENDING}] = r[${R_PENDING}] | ${PENDING.INTERRUPT}; }
    }`,
  result: '1',
});
/** What IRET changes at CPL 0; RF without breakpoints would never be noticed. */
const IRET_FLAGS = (ANY_CPL_FLAGS | EFLAGS.IF | EFLAGS.IOPL) & ~EFLAGS.RF;
/** A segment that `ring` may keep. */
const requireOuter = (segment: number): Statement[] => statements`
  if ((sa[${segment}] & ${ATTRIBUTE.P}) !== 0) {
    if ((sa[${segment}] >> 5 & 3) < ring) { return 0; }
  }`;

const sysenter = (): AsmFunction => ({
  parameters: [],
  body: statements`
    ${requirePlain()};
    const selector = sys[${S_SYSENTER}];
    if ((selector & 65532) === 0) { return 0; }
    if (((cs ^ ${PLAIN_CODE} | ss ^ ${PLAIN_DATA}) & ${ATTRIBUTE.ACCESSED}) !== 0) { return 0; }
    r[${R_EFLAGS}] = r[${R_EFLAGS}] & ~${EFLAGS.IF};
    if (r[${R_CPL}] === 3) { ${turn()} }
    ${setCode(js`selector & 65532`, js`${PLAIN_CODE}`, js`0`)};
    ${setStack(js`(selector + 8 & 65532)`, js`${PLAIN_DATA}`)};
    r[${ESP}] = sys[${S_SYSENTER + 1}];
    r[${R_EIP}] = sys[${S_SYSENTER + 2}];`,
  result: '1',
});
const sysexit = (): AsmFunction => ({
  parameters: [],
  body: statements`
    ${requirePlain()};
    const selector = sys[${S_SYSENTER}];
    if ((selector & 65532) === 0) { return 0; }
    if (r[${R_CPL}] !== 0) { return 0; }
    if (((cs ^ ${PLAIN_CODE} | ss ^ ${PLAIN_DATA}) & ${ATTRIBUTE.ACCESSED}) !== 0) { return 0; }
    ${turn()};
    ${setCode(js`(selector + 16 & 65532) | 3`, js`${PLAIN_CODE | ATTRIBUTE.DPL}`, js`3`)};
    ${setStack(js`(selector + 24 & 65532) | 3`, js`${PLAIN_DATA | ATTRIBUTE.DPL}`)};
    r[${ESP}] = r[${ECX}];
    r[${R_EIP}] = r[${EDX}];`,
  result: '1',
});

const USED_DATA = ATTRIBUTE.S | ATTRIBUTE.P | ATTRIBUTE.ACCESSED;
const ORDINARY_DATA = ATTRIBUTE.EXPAND_DOWN_CONFORMING | ATTRIBUTE.READ_WRITE;
/** ES, DS, FS or GS with a data segment of the GDT, or null where it is null already. General registers and flags are not touched. */
const loadSegment = (): AsmFunction => ({
  parameters: ['segment', 'selector'],
  body: statements`
    if (sys[${S_PLAIN}] === 0) { return 0; }
    if ((r[${R_EFLAGS}] & ${EFLAGS.VM}) !== 0) { return 0; }
    const old = sa[segment];
    if ((selector & 65532) === 0) {
      if ((old | sys[segment + ${S_BASE} | 0] | sys[segment + ${S_LIMIT} | 0]) !== 0) { return 0; }
      sg[segment] = selector;
      return 1;
    }
    ${findDescriptor('selector', 'at')};
    const low = dv.getInt32(at, true), high = dv.getInt32(at + 4 | 0, true);
    const attributes = ${attributesOf('high')};
    if ((attributes & ${USED_DATA | ATTRIBUTE.CODE}) !== ${USED_DATA}) { return 0; }
    const privilege = ${dpl('high')};
    if (privilege < (selector & 3)) { return 0; }
    if (privilege < r[${R_CPL}]) { return 0; }
    const base = low >>> 16 | (high & 255) << 16 | high & -16777216;
    let limit = low & 65535 | high & 983040;
    if ((attributes & ${ATTRIBUTE.G}) !== 0) { limit = limit << 12 | 4095; }
    let flat = (limit === -1 ? 1 : 0) & ((attributes & ${ORDINARY_DATA}) === ${ATTRIBUTE.READ_WRITE} ? 1 : 0);
    if (segment < 4) { flat = flat & (base === 0 ? 1 : 0); }
    else { flat = flat & ((base & 3) === 0 ? 1 : 0); }
    const bits = sys[${S_FLAT}], bit = 1 << segment;
    const now = bits & ~bit | flat << segment;
    if (now !== bits) {
      sys[${S_FLAT}] = now;
      ${modeChanges()};
    }
    sg[segment] = selector;
    sa[segment] = attributes;
    sys[segment + ${S_BASE} | 0] = base;
    sys[segment + ${S_LIMIT} | 0] = limit;
    r[segment + ${R_SEGMENT_BASE} | 0] = base;`,
  result: '1',
});

/** A write of one page to a device that lets writes wait, put where they wait; general registers and flags are not touched. */
const storeDevice = (): AsmFunction => ({
  parameters: ['address', 'size', 'value'],
  body: statements`
    const entry = RT[address >>> 12], next = bw[1];
    if ((entry & 4095) !== 4095) { return 0; }
    if ((address & 4095) > (4096 - size | 0)) { return 0; }
    const physical = entry & -4096 | address & 4095;
    if (physical < (sys[${S_WINDOW}] | 0)) { return 0; }
    if ((physical + size | 0) > (sys[${S_WINDOW + 1}] + 1 | 0)) { return 0; }
    if (next >>> 0 >= ${BUFFERED_SLOTS}) { return 0; }
    const slot = (next << 1) + 2 | 0;
    bw[slot] = ${IO_MEMORY} | size >> 1 << ${SIZE_SHIFT} | physical << ${ADDRESS_SHIFT};
    bw[slot + 1 | 0] = (size === 4 ? value : value & (1 << (size << 3)) - 1);
    bw[1] = next + 1 | 0;`,
  result: '1',
});
/** The ring of hv/buffered-io.ts, which is always filled from its beginning. */
const BUFFERED_SLOTS = 511,
  IO_MEMORY = 1,
  SIZE_SHIFT = 10,
  ADDRESS_SHIFT = 12;

const EVENTS = { enterGate, iret, sysenter, sysexit, loadSegment };
const FUNCTIONS = { ...EVENTS, storeDevice, statusFlags, carries };
export type EventName = keyof typeof FUNCTIONS;
export const EVENT_FUNCTIONS = Object.keys(EVENTS) as readonly EventName[];
export const FLAG_FUNCTIONS: readonly EventName[] = ['statusFlags', 'carries'];

/** One of them; `layout` is that of the supervisor, `calls` has `statusFlags`. */
export function eventFunction(
  name: EventName,
  layout: AsmLayout,
  calls: object,
): (...values: number[]) => number {
  return compileAhead(FUNCTIONS[name](), layout, name).instantiate(calls) as (...values: number[]) => number;
}
