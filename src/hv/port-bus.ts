/** The 64 Ki I/O ports: routes a request to the server of its range and splits what a server cannot take whole. */
import debug from 'debug';
import type { Device, PortClaim } from '../devices/device.js';
import { IoRequest, IoType } from './ioreq.js';
import type { IoServer, NamedRange } from './ioreq.js';
import { MovableRanges } from './movable-ranges.js';

const log = debug('hvm:io');
const PORTS = 0x10000;

function allOnes(size: number): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

/** What a block does to the processor's time, so that nothing tells it from single accesses. */
export interface BlockPace {
  /** So many elements of the block are done. */
  pass(elements: number): void;
  /** Something is pending or due, or memory has moved: the rest of the block has to wait. */
  readonly disturbed: boolean;
}
const NO_PACE: BlockPace = { pass: () => undefined, disturbed: false };

/** A device's claim as the server of its ports. */
class PortClaimServer implements IoServer {
  readonly name: string;
  readonly claim: PortClaim;
  readonly width: number;
  readonly timeless: boolean;
  private readonly bus: BlockHost;
  /** Claims have many shapes, functions one. */
  private readonly read: PortClaim['read'];
  private readonly write: PortClaim['write'];

  constructor(name: string, claim: PortClaim, bus: BlockHost) {
    this.read = claim.read?.bind(claim);
    this.write = claim.write?.bind(claim);
    this.name = name;
    this.claim = claim;
    this.width = claim.width ?? 1;
    this.timeless = claim.timeless === true;
    this.bus = bus;
  }

  readElement(address: number, size: number): number {
    const { read } = this;
    return (read === undefined ? allOnes(size) : read(address, size)) >>> 0;
  }
  writeElement(address: number, size: number, value: number): void {
    this.write?.(address, size, value);
  }

  handle(request: IoRequest): void {
    const { address, size } = request;
    if (request.isPointer) this.handleBlock(request);
    else if (request.isRead) request.respond(this.readElement(address, size));
    else {
      this.writeElement(address, size, request.data);
      request.respond();
    }
  }

  /** What the chip moves at once, then one by one until something happens. */
  private handleBlock(request: IoRequest): void {
    const { claim, bus } = this;
    const { address, size, data, count } = request;
    const { view, pace } = bus;
    const bytes = bus.ram;
    let moved =
      (request.isRead
        ? claim.readBlock?.(address, size, bytes, data, count)
        : claim.writeBlock?.(address, size, bytes, data, count)) ?? 0;
    pace.pass(moved);
    while (moved < count && (moved === 0 || !pace.disturbed)) {
      const at = data + size * moved++;
      if (request.isRead) store(view, at, size, claim.read?.(address, size) ?? -1);
      else claim.write?.(address, size, load(view, at, size));
      pace.pass(1);
    }
    request.respondBlock(moved);
  }
}

function store(view: DataView, at: number, size: number, value: number): void {
  if (size === 1) view.setUint8(at, value);
  else if (size === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
}
function load(view: DataView, at: number, size: number): number {
  if (size === 1) return view.getUint8(at);
  return size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
}

/** What servers of blocks work on. */
interface BlockHost {
  readonly ram: Uint8Array;
  readonly view: DataView;
  readonly pace: BlockPace;
}

/** Stands where no server is. */
const NOBODY: IoServer = { name: 'nobody', width: 0, handle: (request) => request.respond() };

export class PortBus implements BlockHost {
  private readonly request = new IoRequest();
  /** 0 is nobody. */
  private readonly servers: IoServer[] = [NOBODY];
  /** Port → index into `servers`. */
  private readonly map = new Uint16Array(PORTS);
  private readonly logged = new Uint8Array(PORTS);
  private readonly movable = new MovableRanges<PortClaim>();
  /** Key of a movable range → its index into `servers`. */
  private readonly serverOfKey = new Map<number, number>();
  readonly ram: Uint8Array;
  readonly view: DataView;
  pace: BlockPace = NO_PACE;

  /** `ram` is machine memory, where blocks of data lie. */
  constructor(ram: Uint8Array = new Uint8Array(0)) {
    this.ram = ram;
    this.view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  }

  /** Throws an Error naming both devices when a port is already claimed. */
  add(device: Device): void {
    for (const claim of device.ports ?? [])
      this.register(new PortClaimServer(device.name, claim, this), claim.first, claim.last);
  }

  /** Makes a server answer in ports `first` to `last`. Throws an Error naming both when one of them is taken. */
  register(server: IoServer, first: number, last: number): void {
    if (first > last || first < 0 || last >= PORTS)
      throw new Error(`${server.name} claims impossible ports ${first.toString(16)}-${last.toString(16)}`);
    for (let port = first; port <= last; port++) {
      const taken = this.map[port]!;
      if (taken !== 0)
        throw new Error(
          `port 0x${port.toString(16)} is claimed by both ${this.servers[taken]!.name} and ${server.name}`,
        );
    }
    this.servers.push(server);
    this.map.fill(this.servers.length - 1, first, last + 1);
  }

  /** Puts, moves or takes away the range with this key (`Decoder.ports`). */
  move(key: number, name: string, claim: PortClaim | undefined): void {
    const index = this.serverOfKey.get(key) ?? this.servers.length;
    const old = this.movable.set(key, name, claim);
    if (old !== undefined) this.hide(index, old);
    if (claim !== undefined) {
      this.serverOfKey.set(key, index);
      this.servers[index] = new PortClaimServer(name, claim, this);
    }
    if (old !== undefined || claim !== undefined) this.showMovable();
  }

  private hide(index: number, { first, last }: PortClaim): void {
    for (let port = first; port <= last; port++) if (this.map[port] === index) this.map[port] = 0;
  }

  /** Fixed claims stay, lower keys go before higher ones. */
  private showMovable(): void {
    for (const { key, claim } of this.movable.list) this.hide(this.serverOfKey.get(key)!, claim);
    for (const moved of this.movable.list) {
      const index = this.serverOfKey.get(moved.key)!;
      for (let port = moved.claim.first; port <= moved.claim.last; port++)
        if (this.map[port] === 0) this.map[port] = index;
        else this.movable.reportCovered(moved);
    }
  }

  /** Who answers where, in the order of ports. */
  list(): NamedRange[] {
    const ranges: NamedRange[] = [];
    for (let port = 0; port < PORTS; port++) {
      const index = this.map[port]!;
      if (index === 0) continue;
      const first = port;
      while (port + 1 < PORTS && this.map[port + 1] === index) port++;
      ranges.push({ first, last: port, name: this.servers[index]!.name });
    }
    return ranges;
  }

  /** The last single access may have changed when a chip is next due. */
  movesTime = true;

  /** size 1, 2 or 4; the result is unsigned. */
  read(port: number, size: number): number {
    const server = this.serverOf(port, size);
    if (server !== NOBODY) {
      this.movesTime = server.timeless !== true;
      if (server.readElement !== undefined) return server.readElement(port, size);
      this.request.beginRead(IoType.PORT, port, size);
      server.handle(this.request);
      return this.request.finish();
    }
    if (size === 1) return this.unknown(port, 'read');
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.read((port + i) & 0xffff, 1);
    this.movesTime = true;
    return value;
  }

  write(port: number, size: number, value: number): void {
    const server = this.serverOf(port, size);
    if (server !== NOBODY) {
      this.movesTime = server.timeless !== true;
      const masked = size === 4 ? value >>> 0 : value & allOnes(size);
      if (server.writeElement !== undefined) return server.writeElement(port, size, masked);
      this.request.beginWrite(IoType.PORT, port, size, masked);
      server.handle(this.request);
      this.request.finish();
      return;
    }
    if (size === 1) return void this.unknown(port, 'write');
    for (let i = 0; i < size; i++) this.write((port + i) & 0xffff, 1, (value >>> (8 * i)) & 0xff);
    this.movesTime = true;
  }

  /** One request for `count` elements at machine address `machine` upwards; how many were moved, 0 when nobody takes elements of this size. */
  block(read: boolean, port: number, size: number, machine: number, count: number): number {
    const server = this.serverOf(port, size);
    if (server === NOBODY) return 0;
    this.request.beginBlock(IoType.PORT, read, port, size, machine, count);
    server.handle(this.request);
    this.request.finish();
    return this.request.count;
  }

  /** The server that takes this access whole; NOBODY when none does. */
  private serverOf(port: number, size: number): IoServer {
    const index = this.map[port]!;
    const server = this.servers[index]!;
    return size === 1 || (size <= server.width && this.map[port + size - 1] === index) ? server : NOBODY;
  }

  private unknown(port: number, direction: string): number {
    if (this.logged[port] === 0) {
      this.logged[port] = 1;
      log('%s of port 0x%s, which nobody claims', direction, port.toString(16));
    }
    return 0xff;
  }
}
