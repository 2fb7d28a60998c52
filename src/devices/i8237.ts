/**
 * The two 8237A DMA controllers of a PC with their page registers: channels 0-3 move bytes at 00-0F, 4-7 words at C0-DF, pages at 80-8F.
 * Devices ask for whole blocks (`IsaDma`), so there are no bus cycles and no modes of request.
 * Not implemented: memory-to-memory transfers, software requests beyond their register, the high page registers of EISA.
 */
import type { Device } from './device.js';
import type { GuestMemory } from './guest-memory.js';
import type { IsaDma } from './isa-dma.js';

/** Registers by channel, 0-7. */
export interface DmaState {
  readonly baseAddress: Uint16Array;
  readonly address: Uint16Array;
  readonly baseCount: Uint16Array;
  readonly count: Uint16Array;
  readonly mode: Uint8Array;
  /** By controller. */
  readonly command: Uint8Array;
  readonly mask: Uint8Array;
  readonly request: Uint8Array;
  /** Channels that reached terminal count since the status was read. */
  readonly terminal: Uint8Array;
  /** The next access to a 16-bit register is to its high byte. */
  readonly high: Uint8Array;
  /** Last transfer of the channel ended with terminal count. */
  readonly ended: Uint8Array;
  /** The sixteen page registers; 80 shows power-on self-test codes. */
  readonly pages: Uint8Array;
}

const COMMAND_DISABLE = 4;
const MODE_DIRECTION = 0x0c,
  MODE_AUTO = 0x10,
  MODE_DOWN = 0x20,
  MODE_CASCADE = 0xc0;
const TO_MEMORY = 0x04,
  FROM_MEMORY = 0x08;
const CASCADE_CHANNEL = 4;
/** Page register of each channel. */
const PAGE = [7, 3, 1, 2, 15, 11, 9, 10] as const;
/** Registers beyond the channels' own. */
const COMMAND = 8,
  REQUEST = 9,
  SINGLE_MASK = 10,
  MODE = 11,
  CLEAR_HIGH = 12,
  MASTER_CLEAR = 13,
  CLEAR_MASK = 14,
  ALL_MASK = 15;

export class DmaControllers implements Device<DmaState>, IsaDma {
  readonly name = 'dma';
  readonly version = 1;
  readonly state: DmaState = {
    baseAddress: new Uint16Array(8),
    address: new Uint16Array(8),
    baseCount: new Uint16Array(8),
    count: new Uint16Array(8),
    mode: new Uint8Array(8),
    command: new Uint8Array(2),
    mask: Uint8Array.of(15, 15),
    request: new Uint8Array(2),
    terminal: new Uint8Array(2),
    high: new Uint8Array(2),
    ended: new Uint8Array(8),
    pages: new Uint8Array(16),
  };
  readonly ports = [
    {
      first: 0x00,
      last: 0x0f,
      read: (p: number) => this.read(0, p & 15),
      write: (p: number, _: number, v: number) => this.write(0, p & 15, v),
    },
    {
      first: 0xc0,
      last: 0xdf,
      read: (p: number) => this.read(1, (p >> 1) & 15),
      write: (p: number, _: number, v: number) => this.write(1, (p >> 1) & 15, v),
    },
    {
      first: 0x80,
      timeless: true,
      last: 0x8f,
      read: (p: number) => this.state.pages[p & 15]!,
      write: (p: number, _: number, v: number) => void (this.state.pages[p & 15] = v),
    },
  ];
  private readonly memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  reset(): void {
    for (const registers of Object.values(this.state) as Uint8Array[]) registers.fill(0);
    this.state.mask.fill(15);
  }

  isReady(channel: number): boolean {
    const { command, mask, mode } = this.state;
    const controller = channel >> 2;
    if (channel === CASCADE_CHANNEL || (mode[channel]! & MODE_CASCADE) === MODE_CASCADE) return false;
    if (command[controller]! & COMMAND_DISABLE || (mask[controller]! >> (channel & 3)) & 1) return false;
    // The first controller's requests go through channel 4 of the second.
    return controller === 1 || ((mask[1]! & 1) === 0 && (command[1]! & COMMAND_DISABLE) === 0);
  }

  reachedTerminalCount(channel: number): boolean {
    return this.state.ended[channel] !== 0;
  }

  toMemory(channel: number, bytes: Uint8Array): number {
    const moves = this.isReady(channel) && (this.state.mode[channel]! & MODE_DIRECTION) === TO_MEMORY;
    return this.transfer(channel, bytes.length, (address, from, length) => {
      if (moves) this.store(channel, address, bytes.subarray(from, from + length));
    });
  }

  fromMemory(channel: number, into: Uint8Array): number {
    const moves = this.isReady(channel) && (this.state.mode[channel]! & MODE_DIRECTION) === FROM_MEMORY;
    return this.transfer(channel, into.length, (address, from, length) => {
      const part = into.subarray(from, from + length);
      if (moves) this.load(channel, address, part);
      else part.fill(0xff);
    });
  }

  private isDown(channel: number): boolean {
    return (this.state.mode[channel]! & MODE_DOWN) !== 0;
  }

  /** Downwards, elements lie in memory in the reverse of the order in which they are moved. */
  private store(channel: number, address: number, part: Uint8Array): void {
    this.memory.write(address, this.isDown(channel) ? reversed(part, channel >> 2) : part);
  }

  private load(channel: number, address: number, part: Uint8Array): void {
    this.memory.read(address, part);
    if (this.isDown(channel)) part.set(reversed(part, channel >> 2));
  }

  /** Moves up to `bytes` in pieces that do not wrap the 16-bit address; `move` gets the lowest address of a piece and where in the block it is. */
  private transfer(
    channel: number,
    bytes: number,
    move: (address: number, from: number, length: number) => void,
  ): number {
    const s = this.state;
    if (!this.isReady(channel)) return 0;
    s.ended[channel] = 0;
    const shift = channel >> 2;
    let left = Math.min(bytes >> shift, s.count[channel]! + 1);
    let done = 0;
    while (left > 0) {
      const address = s.address[channel]!;
      const piece = Math.min(left, this.isDown(channel) ? address + 1 : 0x10000 - address);
      const lowest = this.isDown(channel) ? address - piece + 1 : address;
      move(this.physical(channel, lowest), done << shift, piece << shift);
      this.advance(channel, piece);
      done += piece;
      left -= piece;
    }
    return done << shift;
  }

  private physical(channel: number, address: number): number {
    const page = this.state.pages[PAGE[channel]!]!;
    return channel < 4 ? (page << 16) | address : ((page & 0xfe) << 16) | (address << 1);
  }

  private advance(channel: number, elements: number): void {
    const s = this.state;
    const atEnd = elements === s.count[channel]! + 1;
    s.address[channel]! += this.isDown(channel) ? -elements : elements;
    s.count[channel]! -= elements;
    if (atEnd) this.endBlock(channel);
  }

  private endBlock(channel: number): void {
    const s = this.state;
    const bit = 1 << (channel & 3);
    s.ended[channel] = 1;
    s.terminal[channel >> 2]! |= bit;
    s.request[channel >> 2]! &= ~bit;
    if (s.mode[channel]! & MODE_AUTO) {
      s.address[channel] = s.baseAddress[channel]!;
      s.count[channel] = s.baseCount[channel]!;
    } else s.mask[channel >> 2]! |= bit;
  }

  private read(controller: number, register: number): number {
    const s = this.state;
    if (register < COMMAND) {
      const channel = controller * 4 + (register >> 1);
      const value = (register & 1 ? s.count : s.address)[channel]!;
      return this.takeHigh(controller) ? value >> 8 : value & 0xff;
    }
    if (register === ALL_MASK) return s.mask[controller]! | 0xf0;
    if (register !== COMMAND) return 0;
    const status = s.terminal[controller]! | (s.request[controller]! << 4);
    s.terminal[controller] = 0;
    return status;
  }

  private takeHigh(controller: number): boolean {
    return (this.state.high[controller]! ^= 1) === 0;
  }

  private write(controller: number, register: number, value: number): void {
    if (register < COMMAND) this.writeChannel(controller, register, value);
    else this.writeControl(controller, register, value);
  }

  private writeChannel(controller: number, register: number, value: number): void {
    const s = this.state;
    const channel = controller * 4 + (register >> 1);
    const [base, current] = register & 1 ? [s.baseCount, s.count] : [s.baseAddress, s.address];
    const old = base[channel]!;
    base[channel] = this.takeHigh(controller) ? (old & 0xff) | (value << 8) : (old & 0xff00) | value;
    current[channel] = base[channel]!;
  }

  private writeControl(controller: number, register: number, value: number): void {
    const s = this.state;
    const bit = 1 << (value & 3);
    switch (register) {
      case COMMAND:
        s.command[controller] = value;
        break;
      case REQUEST:
        s.request[controller] = value & 4 ? s.request[controller]! | bit : s.request[controller]! & ~bit;
        break;
      case SINGLE_MASK:
        s.mask[controller] = value & 4 ? s.mask[controller]! | bit : s.mask[controller]! & ~bit;
        break;
      case MODE:
        s.mode[controller * 4 + (value & 3)] = value & 0xfc;
        break;
      case CLEAR_HIGH:
        s.high[controller] = 0;
        break;
      case MASTER_CLEAR:
        s.command[controller] = s.request[controller] = s.terminal[controller] = s.high[controller] = 0;
        s.mask[controller] = 15;
        break;
      case CLEAR_MASK:
        s.mask[controller] = 0;
        break;
      default:
        s.mask[controller] = value & 15;
    }
  }
}

/** A copy with the order of bytes (`shift` 0) or words (1) turned round. */
function reversed(bytes: Uint8Array, shift: number): Uint8Array {
  const copy = bytes.slice().reverse();
  for (let i = 0; shift === 1 && i + 1 < copy.length; i += 2)
    [copy[i], copy[i + 1]] = [copy[i + 1]!, copy[i]!];
  return copy;
}
