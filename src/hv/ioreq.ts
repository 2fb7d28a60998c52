/**
 * One trapped access as hypervisor and device models hand it to each other: the 32 bytes that Xen's ABI calls ioreq, in words that a shared page
 * could hold. Here the server is called directly, on one record that is used again and again.
 *
 *   word 0-1  address: port, guest-physical address, or function << 32 | offset in configuration space
 *   word 2-3  data, or where it lies when it is a pointer
 *   word 4    count of elements
 *   word 5    size of an element in bytes
 *   word 6    event channel of the processor (unused here)
 *   word 7    state << 16 | data is a pointer << 20 | read << 21 | downwards << 22 | type << 24
 */

export const IoType = { PORT: 0, MEMORY: 1, PCI_CONFIG: 2 } as const;
export type IoType = (typeof IoType)[keyof typeof IoType];
export const IoState = { NONE: 0, READY: 1, IN_PROCESS: 2, RESPONSE_READY: 3 } as const;
export type IoState = (typeof IoState)[keyof typeof IoState];

const ADDRESS = 0,
  ADDRESS_HIGH = 1,
  DATA = 2,
  DATA_HIGH = 3,
  COUNT = 4,
  SIZE = 5,
  FLAGS = 7;
export const IO_REQUEST_WORDS = 8;
const STATE_SHIFT = 16,
  STATE_MASK = 15 << STATE_SHIFT,
  POINTER = 1 << 20,
  READ = 1 << 21,
  TYPE_SHIFT = 24;
const READY = IoState.READY << STATE_SHIFT,
  RESPONSE_READY = IoState.RESPONSE_READY << STATE_SHIFT;

/** Addresses, `last` inclusive, and who answers there. */
export interface NamedRange {
  readonly first: number;
  readonly last: number;
  readonly name: string;
}

/** Who answers for a range. The record is valid during the call only. */
export interface IoServer {
  readonly name: string;
  /** Widest access that is taken whole. */
  readonly width: number;
  /** Single accesses change no chip's deadline. */
  readonly timeless?: boolean;
  /** Single accesses without a request, where nobody but the server would see it; reads are unsigned. */
  readElement?(address: number, size: number): number;
  writeElement?(address: number, size: number, value: number): void;
  /** Carries out a request that is READY and leaves it RESPONSE_READY, with the data of a read. */
  handle(request: IoRequest): void;
}

export class IoRequest {
  readonly words: Int32Array;

  constructor(words = new Int32Array(IO_REQUEST_WORDS)) {
    this.words = words;
  }

  get type(): IoType {
    return (this.words[FLAGS]! >>> TYPE_SHIFT) as IoType;
  }
  get state(): IoState {
    return ((this.words[FLAGS]! & STATE_MASK) >> STATE_SHIFT) as IoState;
  }
  set state(state: IoState) {
    this.words[FLAGS] = (this.words[FLAGS]! & ~STATE_MASK) | (state << STATE_SHIFT);
  }
  get isRead(): boolean {
    return (this.words[FLAGS]! & READ) !== 0;
  }
  /** The data word says where the elements lie: a machine address. */
  get isPointer(): boolean {
    return (this.words[FLAGS]! & POINTER) !== 0;
  }
  /** uint32; of configuration space the offset. */
  get address(): number {
    return this.words[ADDRESS]! >>> 0;
  }
  /** Of configuration space: bus << 8 | device << 3 | function. */
  get addressHigh(): number {
    return this.words[ADDRESS_HIGH]! >>> 0;
  }
  get size(): number {
    return this.words[SIZE]!;
  }
  get count(): number {
    return this.words[COUNT]!;
  }
  /** uint32. */
  get data(): number {
    return this.words[DATA]! >>> 0;
  }

  /** One element to be read. */
  beginRead(type: IoType, address: number, size: number): void {
    this.begin(type, address, size, READ);
  }

  beginWrite(type: IoType, address: number, size: number, value: number): void {
    this.begin(type, address, size, 0);
    this.words[DATA] = value;
  }

  /** `count` elements to or from machine address `machine` upwards. */
  beginBlock(
    type: IoType,
    read: boolean,
    address: number,
    size: number,
    machine: number,
    count: number,
  ): void {
    this.begin(type, address, size, read ? READ | POINTER : POINTER);
    this.words[DATA] = machine;
    this.words[COUNT] = count;
  }

  /** Names the function whose configuration space is meant. */
  setFunction(at: number): void {
    this.words[ADDRESS_HIGH] = at;
  }

  private begin(type: IoType, address: number, size: number, flags: number): void {
    const { words } = this;
    words[ADDRESS] = address;
    words[ADDRESS_HIGH] = 0;
    words[DATA_HIGH] = 0;
    words[COUNT] = 1;
    words[SIZE] = size;
    words[FLAGS] = READY | flags | (type << TYPE_SHIFT);
  }

  /** The server is done; `data` of a read, unsigned. */
  respond(data = 0): void {
    const { words } = this;
    words[DATA] = data;
    words[FLAGS] = (words[FLAGS]! & ~STATE_MASK) | RESPONSE_READY;
  }

  /** A server is done with `count` elements of a block. */
  respondBlock(count: number): void {
    this.words[COUNT] = count;
    this.state = IoState.RESPONSE_READY;
  }

  /** Takes the response; the record is free again. Throws an Error when the server left the request unanswered. */
  finish(): number {
    const { words } = this;
    if ((words[FLAGS]! & STATE_MASK) !== RESPONSE_READY)
      throw new Error('an I/O request was left unanswered');
    words[FLAGS] = words[FLAGS]! & ~STATE_MASK;
    return words[DATA]! >>> 0;
  }
}
