/**
 * The function that runs regions one after the other: finds the entry at r[R_EIP], calls its region, and does what the region's way out asks for. It is
 * written once, and compiled ahead of time where the links lie in the processor's area, for then no transfer leaves such code.
 */
import type { Expression, MemberExpression, Statement } from 'estree';
import { ENOUGH, NEAR, RunEnd, SpecialForm } from '../interpreter/forms.js';
import type { Run } from '../interpreter/generated.js';
import { block, breakTo, identifier, js, labelled, statements } from '../emit/quote.js';
import {
  PENDING,
  R_BUDGET,
  R_EIP,
  R_EPOCH,
  R_PENDING,
  R_SEGMENT_BASE,
  R_SITE,
  R_SLOT,
} from '../../runtime/state.js';
import { AsmPrinter, type AsmLayout } from './asm-printer.js';
import { aheadFactory, compile } from './compile.js';
import type { CallByNumber } from './function-table.js';
import {
  AT,
  CALL,
  CALL_SHIFT,
  FRAME_WORDS,
  KEPT,
  KEPT_SHIFT,
  LINK_COUNT,
  LINK_SHIFT,
  LINKS,
  RECORD,
  NUMBER_BITS,
  NUMBER_MASK,
  RETURN_WORDS,
  SITE,
  SITE_SHIFT,
  WAY,
} from './link-area.js';

/** How a run of regions ended. */
export const RegionEnd = {
  /** r[R_EIP] is not an entry, or something is pending. */
  LEFT: 0,
  /** The instruction at r[R_EIP] is the interpreter's. */
  INTERPRET: 1,
  /** Nothing ran: there is no region at r[R_EIP]. */
  NOWHERE: 2,
  /** There is no region at r[R_EIP]. */
  UNTRANSLATED: 3,
  /** There is none, and what begins there has become hot. */
  HOT: 4,
  /** The interpreter stopped at slot r[R_SLOT], which its handler has to run. */
  HANDLER: 5,
} as const;

/** What the function calls. All values are int32. */
export interface TransferCalls {
  /** Calls a region; see RegionFunction. */
  readonly go: CallByNumber;
  /** First word of the link for the entry at an offset in CS, 0 for none. */
  readonly lookUp: (eip: number) => number;
  /** The frame at a linear address if fetching there takes no more than filling the TLB, which is then done; -1 if it takes more. */
  readonly frameOf: (linear: number) => number;
  /** Follows what r[R_PENDING] announces; 0 if regions cannot simply go on. */
  readonly changeMode: () => number;
  /** The base of CS is another one. */
  readonly moveCode: () => void;
  /** The interpreter's hot switch; see interpreter/hot-switch.ts. */
  readonly interpret: Run;
  /** A countdown of a site or call of a record has ended. */
  readonly left: (record: number, site: number, base: number) => void;
  readonly called: (record: number, call: number, base: number) => void;
}

const codeBase = (): Expression => js`r[${R_SEGMENT_BASE + 1}]`;

const lookUpFrame = (): Statement[] => statements`
  frame = XT[(there >>> 12) + L[${AT.EXECUTE}] | 0];
  if ((frame & 1) !== 0) { frame = frameOf(there); }
  else { frame = (frame ^ there) >>> 12; }`;

/** Which pages of `record` at `base` are there and have been fetched from (see Links): bits that are not set in `missing`. */
const findMissing = (ahead: boolean): Statement[] => statements`
  missing = 0;
  bit = 1;
  at = L[record + ${RECORD.FRAMES}];
  const last = L[record + ${RECORD.FRAMES_END}];
  PAGES: for (;;) {
    if (at >= last) { break PAGES; }
    const there = (base + ${codeBase()} | 0) + L[at] | 0;
    ${ahead ? lookUpFrame() : statements`frame = frameOf(there);`};
    if (frame !== L[at + 1]) { missing = missing | bit; }
    if (bit > 0) { bit = bit << 1; }
    at = at + ${FRAME_WORDS} | 0;
  }
  if (L[record + ${RECORD.IS_FIXED}] !== 0) {
    if (L[record + ${RECORD.FIXED}] !== base) { missing = -1; }
  }`;

/** The link is of another epoch: `link` holds again, or is another one. */
const renew = (ahead: boolean): Statement[] => statements`
  RENEW: {
    record = L[link + ${WAY.RECORD}];
    at = (link - ${LINKS} >> ${LINK_SHIFT - KEPT_SHIFT}) + ${KEPT} | 0;
    if (L[record + ${RECORD.SERIAL}] !== L[at]) { break RENEW; }
    const needs = L[at + 1];
    base = L[link + ${WAY.BASE}];
    ${findMissing(ahead)};
    if ((needs & missing) !== 0) { break RENEW; }
    L[link + ${WAY.PAGES}] = ~missing;
    L[link + ${WAY.EPOCH}] = r[${R_EPOCH}];
    L[${AT.RENEWED}] = L[${AT.RENEWED}] + 1 | 0;
    ${breakTo('LINKED')};
  }`;

/**
 * Runs the interpreter where code at `eip` was decoded and has no region, and goes on where it ends. Whatever else there is, and instructions that are not in
 * the hot switch, ends the loop. Where the interpreter stops at a hot place that may be a region's entry. Without this the dispatcher does the same (engine.ts).
 */
const interpret = (): Statement[] => statements`
  UNDECODED: {
    const linear = eip + ${codeBase()} | 0;
    frame = XT[(linear >>> 12) + L[${AT.EXECUTE}] | 0];
    if ((frame & 1) !== 0) { break UNDECODED; }
    const map = AREA[((frame ^ linear) >>> 12) + L[${AT.PAGES}] | 0];
    const slot = MAP[map + (linear & 4095) | 0];
    if (slot === 0) { break UNDECODED; }
    if ((P[slot] & 4095) === ${SpecialForm.REGION}) { break UNDECODED; }
    if (L[${AT.INTERPRETS}] === 0) { ${breakTo('RUN')} }
    if (r[${R_BUDGET}] < ${NEAR}) { ${breakTo('RUN')} }
    if (r[${R_BUDGET}] >= ${ENOUGH}) {
      count = heat[slot >> 2] - 1 | 0;
      heat[slot >> 2] = count;
      ways[slot >> 2] = ways[slot >> 2] + 1 | 0;
      if (count < 0) { end = ${RegionEnd.HOT}; ${breakTo('RUN')} }
    }
    L[${AT.INTERPRETER}] = L[${AT.INTERPRETER}] + 1 | 0;
    count = r[${R_BUDGET}];
    way = interpret(slot, (linear & -4096) - ${codeBase()} | 0, map, L[${AT.PAGES}] << 2);
    L[${AT.INTERPRETED}] = L[${AT.INTERPRETED}] + (count - r[${R_BUDGET}] | 0) | 0;
    if (way === ${RunEnd.HANDLER}) { end = ${RegionEnd.HANDLER}; ${breakTo('RUN')} }
    r[${R_SLOT}] = 0;
    end = ${RegionEnd.LEFT};
    if (r[${R_PENDING}] !== 0) { ${breakTo('RUN')} }
    if (r[${R_BUDGET}] <= 0) { ${breakTo('RUN')} }
    end = ${RegionEnd.UNTRANSLATED};
    ${{ type: 'ContinueStatement', label: identifier('RUN') }};
  }`;

/** `link` = that for the entry at `eip`, 0 for none. */
const find = (ahead: boolean): Statement =>
  labelled(
    'LINKED',
    block(statements`
    link = ((eip ^ eip >>> 12) & ${LINK_COUNT - 1}) << ${LINK_SHIFT};
    link = link + ${LINKS} | 0;
    if (L[link] === eip) {
      if ((L[link + ${WAY.CODE}] >> 16) === L[${AT.MODE}]) {
        if (L[link + ${WAY.EPOCH}] === r[${R_EPOCH}]) { ${breakTo('LINKED')}; }
        ${renew(ahead)};
      }
    }
    ${ahead ? interpret() : []};
    link = lookUp(eip);`),
  );

/** Takes the newest return as `link` if it goes to `eip`. Only returns and indirect jumps are asked: the host's processor learns the rest by the way out. */
const predict = (): Statement[] => statements`
  link = L[${AT.RETURN}];
  if (L[link] === eip) {
    L[${AT.RETURN}] = link - 8 & ${RETURN_WORDS - 1} | ${RETURN_WORDS};
    if ((L[link + ${WAY.CODE}] >> 16) === L[${AT.MODE}]) {
      if (L[link + ${WAY.EPOCH}] === r[${R_EPOCH}]) {
        L[${AT.RETURNED}] = L[${AT.RETURNED}] + 1 | 0;
        ${breakTo('FOUND')};
      }
    }
  }`;

const leave = (): Statement[] => statements`
  at = ((way << ${SITE_SHIFT}) + record | 0) + ${RECORD.SITES} | 0;
  r[${R_EIP}] = base + L[at] | 0;
  r[${R_BUDGET}] = r[${R_BUDGET}] + L[at + ${SITE.COUNT}] | 0;
  r[${R_SITE}] = L[at + ${SITE.NUMBER}];
  count = L[at + ${SITE.COUNTDOWN}] - 1 | 0;
  L[at + ${SITE.COUNTDOWN}] = count;
  if (count < 0) { left(record, way, base); }
  if (r[${R_SITE}] !== 0) { end = ${RegionEnd.INTERPRET}; ${breakTo('RUN')}; }`;

const call = (): Statement[] => statements`
  at = (~way << ${CALL_SHIFT}) + L[record + ${RECORD.CALLS}] | 0;
  L[at + ${CALL.LAST}] = r[${R_EIP}];
  count = L[at + ${CALL.COUNTDOWN}] - 1 | 0;
  L[at + ${CALL.COUNTDOWN}] = count;
  if (count < 0) { called(record, ~way, base); }
  code = L[at + ${CALL.CODE}];
  if (code >= 0) {
    if ((L[at + ${CALL.NEEDS}] & ~pages) === 0) {
      count = L[${AT.RETURN}] + 8 & ${RETURN_WORDS - 1} | ${RETURN_WORDS};
      L[${AT.RETURN}] = count;
      L[count] = base + L[at] | 0;
      L[count + ${WAY.CODE}] = L[${AT.MODE}] << 16 | code;
      L[count + ${WAY.EPOCH}] = r[${R_EPOCH}];
      L[count + ${WAY.BASE}] = base;
      L[count + ${WAY.PAGES}] = pages;
      L[count + ${WAY.RECORD}] = record;
      L[count + ${WAY.FUNCTION}] = number;
    }
  }`;

/** From the region at r[R_EIP] on; the result is `end`. */
const body = (ahead: boolean): Statement[] => statements`
  let end = ${RegionEnd.NOWHERE}, eip = 0, link = 0, number = 0, record = 0, code = 0, base = 0, pages = 0, way = 0, at = 0, count = 0, missing = 0, bit = 0, frame = 0;
  r[${R_SITE}] = 0;
  L[${AT.INTERPRETED}] = 0;
  RUN: for (;;) {
    FOUND: {
      if (L[${AT.CODE_BASE}] !== ${codeBase()}) { moveCode(); }
      eip = r[${R_EIP}];
      if (way === 0) { ${predict()} }
      ${find(ahead)};
      if (link === 0) { break RUN; }
    }
    number = L[link + ${WAY.FUNCTION}];
    if (r[${R_BUDGET}] < number >> ${NUMBER_BITS}) {
      L[${AT.BUDGET}] = L[${AT.BUDGET}] + 1 | 0;
      end = ${RegionEnd.INTERPRET};
      break RUN;
    }
    L[${AT.ENTERED}] = L[${AT.ENTERED}] + 1 | 0;
    base = L[link + ${WAY.BASE}];
    pages = L[link + ${WAY.PAGES}];
    record = L[link + ${WAY.RECORD}];
    way = go(number & ${NUMBER_MASK}, L[link + ${WAY.CODE}] & 65535, base, pages);
    end = ${RegionEnd.UNTRANSLATED};
    if (way > 0) { ${leave()} }
    if (r[${R_PENDING}] !== 0) {
      end = ${RegionEnd.LEFT};
      if (r[${R_PENDING}] !== ${PENDING.MODE}) { break RUN; }
      if (changeMode() === 0) { break RUN; }
      end = ${RegionEnd.UNTRANSLATED};
    } else if (way < 0) { ${call()} }
  }`;

/** The function as ordinary JavaScript over `tables`. */
export function plainTransfer(calls: TransferCalls, tables: { r: Int32Array; L: Int32Array }): () => number {
  const imports = Object.keys({ ...calls, ...tables }).map((key) => statements`const ${key} = env.${key};`);
  const { instantiate } = compile(
    statements`${imports.flat()}; return function transfer() { ${body(false)}; return end; };`,
    'transfer',
  );
  return instantiate({ ...calls, ...tables }) as () => number;
}

/** A sum of something and a number, either of which may be missing. */
function splitSum(e: Expression): readonly [Expression | undefined, number] {
  if (e.type === 'Literal') return [undefined, e.value as number];
  if (e.type !== 'BinaryExpression' || e.operator !== '+' || e.right.type !== 'Literal') return [e, 0];
  return [e.left as Expression, e.right.value as number];
}

class Printer extends AsmPrinter {
  private readonly own: Readonly<Record<string, number>>;
  constructor(layout: AsmLayout, own: Readonly<Record<string, number>>) {
    super(layout);
    this.own = own;
  }
  protected override element(e: MemberExpression): ReturnType<AsmPrinter['element']> {
    const base = e.object.type === 'Identifier' ? this.own[e.object.name] : undefined;
    if (base === undefined) return super.element(e);
    const [index, distance] = splitSum(e.property as Expression);
    const bytes = base + 4 * distance;
    const at = index === undefined ? String(bytes) : `((${this.any(index)} << 2) + ${bytes})`;
    return { view: 'I32', place: this.at('I32', at) };
  }
}

/**
 * Byte offsets of what the function refers to beside the registers: links, the two execute tables, slots, heat, ways and map of the code cache, and the buffer's
 * beginning.
 */
export type TransferPlaces = Readonly<Record<'L' | 'XT' | 'P' | 'heat' | 'ways' | 'MAP' | 'AREA', number>>;

/** The same compiled ahead of time. */
export function aheadTransfer(calls: TransferCalls, layout: AsmLayout, places: TransferPlaces): () => number {
  const source = new Printer(layout, places).module('transfer', [], body(true), 'end');
  return aheadFactory(source, 'transfer')(globalThis, calls, layout.buffer) as () => number;
}
