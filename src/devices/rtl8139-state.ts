/** Registers and state of the RTL8139C (data sheet revision 1.2, chapters 5 and 6). */
import type { Nanoseconds } from './device.js';
import { createEepromState } from './rtl8139-eeprom.js';
import type { EepromState } from './rtl8139-eeprom.js';

/** Interrupt status and mask, 3e and 3c. */
export const INT = {
  RECEIVE_OK: 1,
  RECEIVE_ERROR: 2,
  TRANSMIT_OK: 4,
  TRANSMIT_ERROR: 8,
  RECEIVE_OVERFLOW: 0x10,
  LINK_CHANGE: 0x20,
  FIFO_OVERFLOW: 0x40,
  TIMEOUT: 0x4000,
  SYSTEM_ERROR: 0x8000,
} as const;
/** All bits that can be set. */
export const INT_BITS = 0xe07f;

/** Command register, 37. */
export const COMMAND = { BUFFER_EMPTY: 1, TRANSMIT: 4, RECEIVE: 8, RESET: 0x10 } as const;

/** Transmit status of a descriptor, 10 to 1f. */
export const TSD = {
  SIZE: 0x1fff,
  OWN: 0x2000,
  OK: 0x8000,
  UNDERRUN: 0x4000,
  ABORT: 0x40000000,
  WRITABLE: 0x3f3fff,
} as const;

/** Receive configuration, 44. */
export const RCR = {
  ALL: 1,
  PHYSICAL: 2,
  MULTICAST: 4,
  BROADCAST: 8,
  RUNT: 0x10,
  ERROR: 0x20,
  NO_WRAP: 0x80,
  WRITABLE: 0x0f03ffbf,
} as const;

/** Status word in front of every received packet. */
export const RECEIVED = {
  OK: 1,
  RUNT: 0x10,
  BROADCAST: 0x2000,
  PHYSICAL: 0x4000,
  MULTICAST: 0x8000,
} as const;

/** TCR: loopback in bits 18:17, hardware version (8139C) in 30:26 and 23:22. */
export const TCR_LOOPBACK = 0x60000,
  TCR_WRITABLE = 0x030707f0,
  TCR_VERSION = 0x74000000;

/** A frame that is on its way to the guest. */
export interface FrameInFlight {
  due: Nanoseconds;
  frame: Uint8Array;
}

export interface Rtl8139State {
  /** IDR0-5 and MAR0-7. */
  station: Uint8Array;
  multicast: Uint8Array;
  transmitStatus: Uint32Array;
  transmitStart: Uint32Array;
  /** The descriptor that is sent next, 0 to 3. */
  transmitNext: number;
  receiveStart: number;
  /** CBR: where the chip writes, and where the driver reads; offsets in the ring. */
  writeOffset: number;
  readOffset: number;
  command: number;
  interruptMask: number;
  interruptStatus: number;
  transmitConfig: number;
  receiveConfig: number;
  missed: number;
  eepromCommand: number;
  eeprom: EepromState;
  /** CONFIG0 to 5. */
  config: Uint8Array;
  multipleInterrupt: number;
  /** Basic mode control, auto-negotiation advertisement, NWAY test, CS configuration. */
  basicMode: number;
  advertisement: number;
  nwayTest: number;
  csConfig: number;
  /** When the timer read 0, and its compare value; when they next meet, Infinity for never. */
  timerStart: Nanoseconds;
  timerCompare: number;
  timerDue: Nanoseconds;
  inFlight: FrameInFlight[];
}

export function createState(): Rtl8139State {
  return {
    station: new Uint8Array(6),
    multicast: new Uint8Array(8),
    transmitStatus: new Uint32Array(4),
    transmitStart: new Uint32Array(4),
    eeprom: createEepromState(),
    config: new Uint8Array(6),
    inFlight: [],
    multipleInterrupt: 0,
    nwayTest: 0,
    eepromCommand: 0,
    ...softReset(),
    ...phyReset(),
  };
}

/** What the reset bit of the command register changes; addresses and EEPROM-loaded registers stay. */
export function softReset(): Pick<
  Rtl8139State,
  | 'transmitNext'
  | 'receiveStart'
  | 'writeOffset'
  | 'readOffset'
  | 'command'
  | 'interruptMask'
  | 'interruptStatus'
  | 'transmitConfig'
  | 'receiveConfig'
  | 'missed'
  | 'timerStart'
  | 'timerCompare'
  | 'timerDue'
> {
  return {
    transmitNext: 0,
    receiveStart: 0,
    writeOffset: 0,
    readOffset: 0,
    command: 0,
    interruptMask: 0,
    interruptStatus: 0,
    transmitConfig: 0,
    receiveConfig: 0,
    missed: 0,
    timerStart: 0,
    timerCompare: 0,
    timerDue: Infinity,
  };
}

/** 100 Mbit/s, full duplex, by auto-negotiation; all four 10 and 100 Mbit/s modes and flow control are advertised. */
export function phyReset(): Pick<Rtl8139State, 'basicMode' | 'advertisement' | 'csConfig'> {
  return { basicMode: 0x3100, advertisement: 0x05e1, csConfig: 0x0730 };
}
