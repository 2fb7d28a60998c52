/**
 * The 93C46 serial EEPROM of a network card: 64 words of 16 bits behind four pins (chip select, clock, data in, data out).
 * Instructions: start bit, two bits of opcode, six of address (Microchip 93C46B data sheet, table 2-1).
 * Not implemented: the time a write takes; the chip is ready at once. Contents live as long as the machine.
 */

export const EEPROM_WORDS = 64;
const INSTRUCTION_BITS = 8,
  DATA_BITS = 16;
const OPCODE_EXTENDED = 0,
  OPCODE_WRITE = 1,
  OPCODE_READ = 2,
  OPCODE_ERASE = 3;
/** With opcode 0 the address's two top bits say what is meant. */
const EXTENDED_DISABLE = 0,
  EXTENDED_WRITE_ALL = 1,
  EXTENDED_ERASE_ALL = 2,
  EXTENDED_ENABLE = 3;

export interface EepromState {
  words: Uint16Array;
  phase: 'standby' | 'start' | 'instruction' | 'read' | 'write' | 'done';
  /** Bits shifted in since the phase began, and how many. */
  shift: number;
  count: number;
  instruction: number;
  writable: boolean;
  clock: boolean;
  output: boolean;
}

export function createEepromState(): EepromState {
  return {
    words: new Uint16Array(EEPROM_WORDS),
    phase: 'standby',
    shift: 0,
    count: 0,
    instruction: 0,
    writable: false,
    clock: false,
    output: true,
  };
}

const addressOf = (s: EepromState): number => s.instruction & (EEPROM_WORDS - 1);

function enter(s: EepromState, phase: EepromState['phase']): void {
  s.phase = phase;
  s.shift = 0;
  s.count = 0;
}

/** The pins have these levels now; what was clocked in takes effect on the clock's rise. */
export function setEepromPins(s: EepromState, select: boolean, clock: boolean, dataIn: boolean): void {
  const rises = clock && !s.clock;
  s.clock = clock;
  if (!select) {
    enter(s, 'standby');
    s.output = true;
    return;
  }
  if (s.phase === 'standby') enter(s, 'start');
  if (rises) clockIn(s, dataIn ? 1 : 0);
}

function clockIn(s: EepromState, bit: number): void {
  switch (s.phase) {
    case 'start':
      if (bit === 1) enter(s, 'instruction');
      return;
    case 'instruction':
      if (collect(s, bit, INSTRUCTION_BITS)) decode(s);
      return;
    case 'write':
      if (collect(s, bit, DATA_BITS)) store(s);
      return;
    case 'read':
      clockOut(s);
      return;
    default:
  }
}

function collect(s: EepromState, bit: number, width: number): boolean {
  s.shift = ((s.shift << 1) | bit) & 0xffff;
  return ++s.count === width;
}

function decode(s: EepromState): void {
  s.instruction = s.shift;
  const opcode = s.instruction >> 6;
  const extended = (s.instruction >> 4) & 3;
  if (opcode === OPCODE_READ) {
    enter(s, 'read');
    // A dummy zero goes before the data.
    s.output = false;
  } else if (opcode === OPCODE_WRITE || (opcode === OPCODE_EXTENDED && extended === EXTENDED_WRITE_ALL))
    enter(s, 'write');
  else execute(s, opcode, extended);
}

function execute(s: EepromState, opcode: number, extended: number): void {
  if (opcode === OPCODE_ERASE && s.writable) s.words[addressOf(s)] = 0xffff;
  else if (opcode === OPCODE_EXTENDED) {
    if (extended === EXTENDED_ERASE_ALL && s.writable) s.words.fill(0xffff);
    else if (extended === EXTENDED_ENABLE) s.writable = true;
    else if (extended === EXTENDED_DISABLE) s.writable = false;
  }
  enter(s, 'done');
  s.output = true;
}

function store(s: EepromState): void {
  const all = s.instruction >> 6 === OPCODE_EXTENDED;
  if (s.writable && all) s.words.fill(s.shift);
  else if (s.writable) s.words[addressOf(s)] = s.shift;
  enter(s, 'done');
  s.output = true;
}

/** Words follow each other as long as the chip stays selected. */
function clockOut(s: EepromState): void {
  const word = s.words[(addressOf(s) + (s.count >> 4)) & (EEPROM_WORDS - 1)]!;
  s.output = ((word >> (15 - (s.count & 15))) & 1) === 1;
  s.count = (s.count + 1) & (EEPROM_WORDS * DATA_BITS - 1);
}
