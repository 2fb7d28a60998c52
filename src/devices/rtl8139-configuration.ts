/** What lies from 50 on in the RTL8139C: the window to the EEPROM, CONFIG registers, and the PHY's registers (data sheet, 5.9 to 5.22). */
import { setEepromPins } from './rtl8139-eeprom.js';
import { phyReset } from './rtl8139-state.js';
import type { Rtl8139State } from './rtl8139-state.js';

export const REVISION = 0x10;
/** First word of an EEPROM that is programmed, and where the station address is. */
const SIGNATURE = 0x8129,
  EEPROM_STATION = 7;
const EEPROM_DATA_OUT = 1,
  EEPROM_DATA_IN = 2,
  EEPROM_CLOCK = 4,
  EEPROM_SELECT = 8;
/** Bits 7:6 of the EEPROM command. */
const MODE_AUTOLOAD = 1,
  MODE_PROGRAM = 2,
  MODE_CONFIG_WRITE = 3;
/** Link up at 100 Mbit/s, flow control both ways, auxiliary power present. */
const MEDIA_STATUS = 0xd0;
const BASIC_STATUS = 0x782d,
  LINK_PARTNER = 0x45e1,
  EXPANSION = 1;
const BASIC_RESET = 0x8000,
  BASIC_WRITABLE = 0x3100;

/** What the card's maker put into the EEPROM; `station` has six bytes. */
export function programEeprom(s: Rtl8139State, station: Uint8Array): void {
  const { words } = s.eeprom;
  words.set([SIGNATURE, 0x10ec, 0x8139, 0x10ec, 0x8139, 0x4020, 0xe512]);
  for (let i = 0; i < 3; i++) words[EEPROM_STATION + i] = station[2 * i]! | (station[2 * i + 1]! << 8);
}

/** Station address and configuration as the EEPROM has them. */
export function autoload({ eeprom, station, config }: Rtl8139State): void {
  for (let i = 0; i < 6; i++) station[i] = eeprom.words[EEPROM_STATION + (i >> 1)]! >> (8 * (i & 1));
  // I/O and memory mapping are on in CONFIG1; CONFIG3 has fast back-to-back.
  config.set([0, 0x0c, 0, 0x01, 0, 0]);
}

/** Station address and CONFIG registers can be written. */
export const configurationOpen = (s: Rtl8139State): boolean => s.eepromCommand >> 6 === MODE_CONFIG_WRITE;

/** The 32-bit lane at `offset`, 50 to fc without 60. */
export function readConfiguration(s: Rtl8139State, offset: number): number {
  const { config } = s;
  switch (offset) {
    case 0x50:
      return readEepromCommand(s) | (config[0]! << 8) | (config[1]! << 16);
    case 0x54:
      return s.timerCompare;
    case 0x58:
      return MEDIA_STATUS | (config[3]! << 8) | (config[4]! << 16);
    case 0x5c:
      return s.multipleInterrupt | (REVISION << 16);
    case 0x64:
      return BASIC_STATUS | (s.advertisement << 16);
    case 0x68:
      return LINK_PARTNER | (EXPANSION << 16);
    case 0x70:
      return s.nwayTest;
    case 0x74:
      return s.csConfig;
    case 0xd8:
      return config[5]!;
    default:
      return 0;
  }
}

const readEepromCommand = ({ eepromCommand, eeprom }: Rtl8139State): number =>
  eepromCommand | (eeprom.output ? EEPROM_DATA_OUT : 0);

/** Writes the bits of `mask` in the lane at `offset`; `value` has zeros outside. */
export function writeConfiguration(s: Rtl8139State, offset: number, value: number, mask: number): void {
  const merge = (old: number, shift: number): number =>
    ((old & ~(mask >>> shift)) | (value >>> shift)) & 0xffff;
  switch (offset) {
    case 0x50:
      if (mask & 0xff) writeEepromCommand(s, value & 0xff);
      writeConfig(s, 1, value >>> 16, mask >>> 16);
      break;
    case 0x58:
      writeConfig(s, 3, value >>> 8, mask >>> 8);
      writeConfig(s, 4, value >>> 16, mask >>> 16);
      break;
    case 0x5c:
      s.multipleInterrupt = merge(s.multipleInterrupt, 0) & 0x0fff;
      break;
    case 0x60:
      if (mask & 0xffff0000) writeBasicMode(s, merge(s.basicMode, 16));
      break;
    case 0x64:
      s.advertisement = merge(s.advertisement, 16);
      break;
    case 0x70:
      s.nwayTest = merge(s.nwayTest, 0) & 0xff;
      break;
    case 0x74:
      s.csConfig = merge(s.csConfig, 0);
      break;
    case 0xd8:
      writeConfig(s, 5, value, mask);
      break;
    default:
  }
}

function writeConfig(s: Rtl8139State, index: number, value: number, mask: number): void {
  if (mask & 0xff && configurationOpen(s)) s.config[index] = value;
}

function writeBasicMode(s: Rtl8139State, value: number): void {
  if (value & BASIC_RESET) Object.assign(s, phyReset());
  else s.basicMode = value & BASIC_WRITABLE;
}

function writeEepromCommand(s: Rtl8139State, value: number): void {
  const mode = value >> 6;
  s.eepromCommand = value & ~EEPROM_DATA_OUT;
  if (mode === MODE_PROGRAM) {
    const pin = (bit: number): boolean => (value & bit) !== 0;
    setEepromPins(s.eeprom, pin(EEPROM_SELECT), pin(EEPROM_CLOCK), pin(EEPROM_DATA_IN));
  } else {
    setEepromPins(s.eeprom, false, false, false);
    // Loading ends by itself in normal mode.
    if (mode === MODE_AUTOLOAD) {
      autoload(s);
      s.eepromCommand &= 0x3f;
    }
  }
}
