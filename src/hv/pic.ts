/**
 * The 8259A pair of a PC (master at 20, slave at A0 on IR2) with the edge/level registers of PIIX3.
 * LTIM of ICW1 has no effect, as in PIIX3: the ELCR decides.
 * Not implemented: MCS-80 mode, buffered mode (a pin function).
 */
import type { Device, Wire } from '../devices/device.js';

/** Registers of one chip; the names are the data sheet's. */
export interface ChipState {
  irr: number;
  imr: number;
  isr: number;
  /** Levels of the eight inputs. */
  lines: number;
  /** Inputs that are level-triggered. */
  elcr: number;
  vectorBase: number;
  /** The next ICW expected at A0 = 1: 2, 3, 4; 0 when initialised. */
  expect: number;
  icw1: number;
  autoEoi: boolean;
  rotateOnAutoEoi: boolean;
  specialMask: boolean;
  specialFullyNested: boolean;
  poll: boolean;
  readIsr: boolean;
  /** Input with the lowest priority. */
  lowest: number;
}
export interface PicState {
  chips: [ChipState, ChipState];
}

const ICW1_INIT = 0x10,
  ICW1_SINGLE = 0x02,
  ICW1_ICW4 = 0x01;
const OCW3_SELECT = 0x08;
/** Inputs that PIIX3 does not let be level-triggered: 0, 1, 2 and 8, 13. */
const ELCR_MASK = [0xf8, 0xde] as const;
const NONE = -1;

/** Undefined until ICW1 in the data sheet; masked here, as a BIOS leaves most inputs. */
function powerOn(): ChipState {
  return {
    irr: 0,
    imr: 0xff,
    isr: 0,
    lines: 0,
    elcr: 0,
    vectorBase: 0,
    expect: 0,
    icw1: 0,
    autoEoi: false,
    rotateOnAutoEoi: false,
    specialMask: false,
    specialFullyNested: false,
    poll: false,
    readIsr: false,
    lowest: 7,
  };
}

/** Distance from the top of the rotating priority order: 0 is served first, 8 when `bits` is empty. */
function priorityOf(chip: ChipState, bits: number): number {
  for (let p = 0; p < 8; p++) if (bits & (1 << ((chip.lowest + 1 + p) & 7))) return p;
  return 8;
}

/** The input that the chip would have acknowledged now, or NONE. */
function requested(chip: ChipState, cascade: number): number {
  if (chip.expect !== 0) return NONE;
  const request = priorityOf(chip, chip.irr & ~chip.imr);
  if (request === 8) return NONE;
  let inService = chip.isr;
  if (chip.specialMask) inService &= ~chip.imr;
  if (chip.specialFullyNested) inService &= ~cascade;
  return request < priorityOf(chip, inService) ? (chip.lowest + 1 + request) & 7 : NONE;
}

/** What the chip does at INTA for this input. */
function accept(chip: ChipState, input: number): void {
  const bit = 1 << input;
  if ((chip.elcr & bit) === 0) chip.irr &= ~bit;
  if (!chip.autoEoi) chip.isr |= bit;
  else if (chip.rotateOnAutoEoi) chip.lowest = input;
}

function setInput(chip: ChipState, bit: number, level: boolean): void {
  if (!level) {
    // An input must stay high until INTA; one that drops earlier is answered as the spurious IR7 (8259A, "Edge triggered mode").
    chip.irr &= ~bit;
    chip.lines &= ~bit;
    return;
  }
  if (chip.elcr & bit || (chip.lines & bit) === 0) chip.irr |= bit;
  chip.lines |= bit;
}

function endOfInterrupt(chip: ChipState, input: number, rotate: boolean): void {
  chip.isr &= ~(1 << input);
  if (rotate) chip.lowest = input;
}

function highestInService(chip: ChipState): number {
  const bits = chip.specialMask ? chip.isr & ~chip.imr : chip.isr;
  const p = priorityOf(chip, bits);
  return p === 8 ? NONE : (chip.lowest + 1 + p) & 7;
}

/** OCW2: R SL EOI and a level. */
function writeOcw2(chip: ChipState, value: number): void {
  const level = value & 7;
  switch (value >> 5) {
    case 0:
      chip.rotateOnAutoEoi = false;
      break;
    case 4:
      chip.rotateOnAutoEoi = true;
      break;
    case 1:
    case 5: {
      const input = highestInService(chip);
      if (input !== NONE) endOfInterrupt(chip, input, value >> 5 === 5);
      break;
    }
    case 3:
    case 7:
      endOfInterrupt(chip, level, value >> 5 === 7);
      break;
    case 6:
      chip.lowest = level;
      break;
  }
}

function writeOcw3(chip: ChipState, value: number): void {
  if (value & 0x40) chip.specialMask = (value & 0x20) !== 0;
  if (value & 0x04) chip.poll = true;
  else if (value & 0x02) chip.readIsr = (value & 0x01) !== 0;
}

function writeIcw1(chip: ChipState, value: number): void {
  Object.assign(chip, {
    ...powerOn(),
    imr: 0,
    lines: chip.lines,
    elcr: chip.elcr,
    vectorBase: chip.vectorBase,
  });
  chip.irr = chip.lines & chip.elcr;
  chip.icw1 = value;
  chip.expect = 2;
}

/** ICW2 to ICW4, or OCW1 when no initialisation is under way. */
function writeData(chip: ChipState, value: number): void {
  const needs4 = (chip.icw1 & ICW1_ICW4) !== 0;
  switch (chip.expect) {
    case 0:
      chip.imr = value;
      break;
    case 2:
      chip.vectorBase = value & 0xf8;
      chip.expect = (chip.icw1 & ICW1_SINGLE) === 0 ? 3 : needs4 ? 4 : 0;
      break;
    case 3:
      chip.expect = needs4 ? 4 : 0;
      break;
    default:
      chip.specialFullyNested = (value & 0x10) !== 0;
      chip.autoEoi = (value & 0x02) !== 0;
      chip.expect = 0;
  }
}

export class Pic implements Device<PicState> {
  readonly name = 'pic';
  readonly version = 1;
  readonly state: PicState = { chips: [powerOn(), powerOn()] };
  readonly ports = [
    {
      first: 0x20,
      last: 0x21,
      timeless: true,
      read: (p: number) => this.read(0, p & 1),
      write: (p: number, _: number, v: number) => this.write(0, p & 1, v),
    },
    {
      first: 0xa0,
      last: 0xa1,
      timeless: true,
      read: (p: number) => this.read(1, p & 1),
      write: (p: number, _: number, v: number) => this.write(1, p & 1, v),
    },
    {
      first: 0x4d0,
      last: 0x4d1,
      timeless: true,
      read: (p: number) => this.state.chips[(p & 1) as 0 | 1].elcr,
      write: (p: number, _: number, v: number) => this.writeElcr((p & 1) as 0 | 1, v),
    },
  ];
  private readonly output: Wire;

  /** `output` is the INTR pin of the processor. */
  constructor(output: Wire) {
    this.output = output;
  }

  reset(): void {
    const [master, slave] = this.state.chips;
    Object.assign(master, powerOn());
    Object.assign(slave, powerOn());
    this.update();
  }

  /** IRQ 0-15. */
  setLine(irq: number, level: boolean): void {
    setInput(this.state.chips[(irq >> 3) as 0 | 1], 1 << (irq & 7), level);
    this.update();
  }

  /** The INTA cycle: the vector; with nothing requested any more the spurious IR7 of the chip that is asked. */
  acknowledge(): number {
    const [master, slave] = this.state.chips;
    const input = requested(master, 1 << 2);
    if (input !== NONE) accept(master, input);
    let vector = master.vectorBase + (input === NONE ? 7 : input);
    if (input === 2) vector = this.acknowledgeSlave(slave);
    this.refreshCascade();
    return vector;
  }

  private acknowledgeSlave(slave: ChipState): number {
    const input = requested(slave, 0);
    if (input !== NONE) accept(slave, input);
    return slave.vectorBase + (input === NONE ? 7 : input);
  }

  /** The slave's INT falls during INTA, so what else it requests is a new edge for the master. */
  private refreshCascade(): void {
    setInput(this.state.chips[0], 1 << 2, false);
    this.update();
  }

  private update(): void {
    const [master, slave] = this.state.chips;
    setInput(master, 1 << 2, requested(slave, 0) !== NONE);
    this.output(requested(master, 1 << 2) !== NONE);
  }

  private read(index: 0 | 1, a0: number): number {
    const chip = this.state.chips[index];
    if (chip.poll) return this.pollRead(chip);
    if (a0) return chip.imr;
    return chip.readIsr ? chip.isr : chip.irr;
  }

  /** The read after a poll command is an INTA that returns the level. */
  private pollRead(chip: ChipState): number {
    chip.poll = false;
    const input = requested(chip, chip === this.state.chips[0] ? 1 << 2 : 0);
    if (input === NONE) return 0;
    accept(chip, input);
    if (chip === this.state.chips[1]) this.refreshCascade();
    else this.update();
    return 0x80 | input;
  }

  private write(index: 0 | 1, a0: number, value: number): void {
    const chip = this.state.chips[index];
    if (a0) writeData(chip, value);
    else if (value & ICW1_INIT) writeIcw1(chip, value);
    else if (value & OCW3_SELECT) writeOcw3(chip, value);
    else writeOcw2(chip, value);
    this.update();
  }

  private writeElcr(index: 0 | 1, value: number): void {
    const chip = this.state.chips[index];
    chip.elcr = value & ELCR_MASK[index];
    chip.irr = (chip.irr & ~chip.elcr) | (chip.lines & chip.elcr);
    this.update();
  }
}
