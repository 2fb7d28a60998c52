/** One counter of an 8254 as a function of its state and the tick: nothing runs, counts and edges are computed when asked for. */

export interface ChannelState {
  /** 0-5. */
  mode: number;
  bcd: boolean;
  /** 1 low byte, 2 high byte, 3 low then high. */
  access: number;
  gate: boolean;
  /** A whole count was written since the control word. */
  loaded: boolean;
  /** Modes 1 and 5: the gate has risen since the count was written. */
  triggered: boolean;
  /** Ticks per period, 1-65536 (10000 in BCD). */
  reload: number;
  /** Count that is loaded at `loadTick`; 0 none. */
  next: number;
  /** Tick at which `next` is loaded, Infinity until a gate edge does. */
  loadTick: number;
  /** Tick from which `held` counts on; ignored while stopped. */
  start: number;
  /** Ticks counted before `start`. */
  held: number;
  running: boolean;
  lowByte: number;
  highByteNext: boolean;
  readHighNext: boolean;
  /** Latched count, -1 none. */
  latch: number;
  /** Latched status, -1 none. */
  status: number;
}

export function createChannel(): ChannelState {
  return {
    mode: 0,
    bcd: false,
    access: 3,
    gate: true,
    loaded: false,
    triggered: false,
    reload: 65536,
    next: 0,
    loadTick: Infinity,
    start: 0,
    held: 0,
    running: false,
    lowByte: 0,
    highByteNext: false,
    readHighNext: false,
    latch: -1,
    status: -1,
  };
}

function elapsed(c: ChannelState, tick: number): number {
  return c.held + (c.running && tick > c.start ? tick - c.start : 0);
}

const isPeriodic = (c: ChannelState): boolean => c.mode === 2 || c.mode === 3;
const needsTrigger = (c: ChannelState): boolean => c.mode === 1 || c.mode === 5;

/** Length of the high part of a square-wave period: the longer one when the count is odd. */
function highPart(c: ChannelState): number {
  return Math.ceil(c.reload / 2);
}

/** First tick after `tick` at which a period (mode 3: half a period) ends. */
function nextReloadTick(c: ChannelState, tick: number): number {
  const done = elapsed(c, tick);
  const position = done % c.reload;
  const end = c.mode === 3 && position < highPart(c) ? highPart(c) : c.reload;
  return Math.max(tick, c.start) + end - position;
}

/** Loads a waiting count whose time has come. Every access goes through this first. */
export function sync(c: ChannelState, tick: number): void {
  if (c.next === 0 || tick < c.loadTick) return;
  const atHalf = c.mode === 3 && c.running && elapsed(c, c.loadTick) % c.reload === highPart(c);
  c.start = c.loadTick;
  c.reload = c.next;
  c.held = atHalf && c.reload > 1 ? highPart(c) : 0;
  c.next = 0;
  c.loadTick = Infinity;
}

/** Level of OUT at `tick`. */
export function output(c: ChannelState, tick: number): boolean {
  const done = elapsed(c, tick);
  const started = c.loaded && tick >= c.start && (!needsTrigger(c) || c.triggered);
  switch (c.mode) {
    case 0:
      return started && done >= c.reload;
    case 1:
      return !(started && done < c.reload);
    case 2:
      return !(c.running && c.reload - (done % c.reload) === 1);
    case 3:
      return !c.running || done % c.reload < highPart(c);
    default:
      return !(started && done === c.reload);
  }
}

function squareWaveCount(c: ChannelState, done: number): number {
  const position = done % c.reload;
  const high = highPart(c);
  const even = c.reload & ~1;
  return position < high ? c.reload - 2 * position : even - 2 * (position - high);
}

function toBcd(value: number): number {
  return (
    (Math.floor(value / 1000) << 12) |
    ((Math.floor(value / 100) % 10) << 8) |
    ((Math.floor(value / 10) % 10) << 4) |
    (value % 10)
  );
}

/** The sixteen bits of the counting element; one-shot modes wrap and count on. */
export function count(c: ChannelState, tick: number): number {
  const done = elapsed(c, tick);
  const modulus = c.bcd ? 10000 : 65536;
  let value: number;
  if (c.mode === 3) value = squareWaveCount(c, done);
  else if (c.mode === 2) value = c.reload - (done % c.reload);
  else value = c.reload - (done % modulus) + modulus;
  value %= modulus;
  return c.bcd ? toBcd(value) : value;
}

/** First tick after `tick` at which OUT rises (or, in mode 3, changes); Infinity if it will not without further writes. */
export function nextEdge(c: ChannelState, tick: number): number {
  if (!c.loaded || !c.running || (needsTrigger(c) && !c.triggered)) return Infinity;
  if (isPeriodic(c))
    return c.next === 0 ? nextReloadTick(c, tick) : Math.min(c.loadTick, nextReloadTick(c, tick));
  const rise = c.start + c.reload - c.held + (c.mode >= 4 ? 1 : 0);
  return rise > tick ? rise : Infinity;
}

/** Control word with an access field other than 0. */
export function writeControl(c: ChannelState, value: number): void {
  const gate = c.gate;
  const { reload } = c;
  Object.assign(c, createChannel(), { gate, reload });
  c.access = (value >> 4) & 3;
  const mode = (value >> 1) & 7;
  c.mode = mode > 5 ? mode - 4 : mode;
  c.bcd = (value & 1) !== 0;
}

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

/** A whole count has been written: it reaches the counting element with the next clock, or at the end of the period, or with the gate. */
function loadCount(c: ChannelState, value: number, tick: number): void {
  const decoded = c.bcd ? fromBcd(value) : value;
  c.next = decoded === 0 ? (c.bcd ? 10000 : 65536) : decoded;
  if (needsTrigger(c)) c.loadTick = Infinity;
  else if (c.loaded && isPeriodic(c)) c.loadTick = c.running ? nextReloadTick(c, tick) : Infinity;
  else startWith(c, tick + 1);
  c.loaded = true;
}

/** Puts the waiting count into the counting element at `tick`; it counts if the gate lets it. */
function startWith(c: ChannelState, tick: number): void {
  if (c.next !== 0) c.reload = c.next;
  c.next = 0;
  c.loadTick = Infinity;
  c.start = tick;
  c.held = 0;
  c.running = c.gate || needsTrigger(c);
}

/** A byte written to the counter's port. */
export function writeCount(c: ChannelState, value: number, tick: number): void {
  sync(c, tick);
  if (c.access === 1) loadCount(c, value, tick);
  else if (c.access === 2) loadCount(c, value << 8, tick);
  else if (c.highByteNext) {
    c.highByteNext = false;
    loadCount(c, (value << 8) | c.lowByte, tick);
  } else {
    c.highByteNext = true;
    c.lowByte = value;
    if (c.mode === 0) stopMode0(c, tick);
  }
}

/** The first byte of two disables counting in mode 0 and takes OUT low at once (8254, "Mode 0"). */
function stopMode0(c: ChannelState, tick: number): void {
  c.held = elapsed(c, tick) % c.reload;
  c.running = false;
}

/** A byte read from the counter's port: status, then latched count, then the live one. */
export function readCount(c: ChannelState, tick: number): number {
  sync(c, tick);
  if (c.status >= 0) {
    const { status } = c;
    c.status = -1;
    return status;
  }
  const value = c.latch >= 0 ? c.latch : count(c, tick);
  const high = c.access === 2 || (c.access === 3 && c.readHighNext);
  if (c.access === 3) c.readHighNext = !c.readHighNext;
  if (c.access !== 3 || high) c.latch = -1;
  return high ? value >> 8 : value & 0xff;
}

/** A latch is kept until it is read; further latch commands are ignored. */
export function latchCount(c: ChannelState, tick: number): void {
  sync(c, tick);
  if (c.latch < 0) c.latch = count(c, tick);
}

export function latchStatus(c: ChannelState, tick: number): void {
  sync(c, tick);
  if (c.status >= 0) return;
  const nullCount = c.next !== 0 || !c.loaded || tick < c.start;
  c.status =
    (output(c, tick) ? 0x80 : 0) | (nullCount ? 0x40 : 0) | (c.access << 4) | (c.mode << 1) | (c.bcd ? 1 : 0);
}

/** The gate pin (8254, "Gate pin operations summary"). */
export function setGate(c: ChannelState, level: boolean, tick: number): void {
  sync(c, tick);
  if (level === c.gate) return;
  c.gate = level;
  if (level) gateRises(c, tick);
  else if (!needsTrigger(c)) {
    c.held = elapsed(c, tick);
    c.running = false;
  }
}

function gateRises(c: ChannelState, tick: number): void {
  if (!c.loaded) return;
  if (needsTrigger(c) || isPeriodic(c)) {
    c.triggered = true;
    startWith(c, tick + 1);
  } else if (!c.highByteNext || c.mode !== 0) {
    c.start = tick;
    c.running = true;
  }
}
