/** The 64 Ki I/O ports: routes an access to the chip that claims it and splits what the chip cannot take whole. */
import debug from 'debug';
import type { Device, PortClaim } from '../devices/device.js';
import { MovableRanges } from './movable-ranges.js';

const log = debug('hvm:io');
const PORTS = 0x10000;

interface OwnedClaim {
  readonly device: string;
  readonly claim: PortClaim;
}

function allOnes(size: number): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

export class PortBus {
  private readonly owners: OwnedClaim[] = [];
  /** Port → 1 + index into `owners`, 0 where nobody answers. */
  private readonly map = new Uint16Array(PORTS);
  private readonly logged = new Uint8Array(PORTS);
  private readonly movable = new MovableRanges<PortClaim>();
  /** Key of a movable range → its index into `owners`. */
  private readonly ownerOfKey = new Map<number, number>();

  /** Throws an Error naming both devices when a port is already claimed. */
  add(device: Device): void {
    for (const claim of device.ports ?? []) this.claim(device.name, claim);
  }

  private claim(device: string, claim: PortClaim): void {
    if (claim.first > claim.last || claim.first < 0 || claim.last >= PORTS)
      throw new Error(
        `${device} claims impossible ports ${claim.first.toString(16)}-${claim.last.toString(16)}`,
      );
    for (let port = claim.first; port <= claim.last; port++) {
      const taken = this.map[port]!;
      if (taken !== 0)
        throw new Error(
          `port 0x${port.toString(16)} is claimed by both ${this.owners[taken - 1]!.device} and ${device}`,
        );
    }
    this.owners.push({ device, claim });
    this.map.fill(this.owners.length, claim.first, claim.last + 1);
  }

  /** Puts, moves or takes away the range with this key (`Decoder.ports`). */
  move(key: number, name: string, claim: PortClaim | undefined): void {
    const owner = this.ownerOfKey.get(key) ?? this.owners.length;
    const old = this.movable.set(key, name, claim);
    if (old !== undefined)
      for (let port = old.first; port <= old.last; port++)
        if (this.map[port] === owner + 1) this.map[port] = 0;
    if (claim !== undefined) {
      this.ownerOfKey.set(key, owner);
      this.owners[owner] = { device: name, claim };
    }
    if (old !== undefined || claim !== undefined) this.showMovable();
  }

  /** Fixed claims stay, lower keys go before higher ones. */
  private showMovable(): void {
    for (const { key, claim } of this.movable.list) {
      const entry = this.ownerOfKey.get(key)! + 1;
      for (let port = claim.first; port <= claim.last; port++)
        if (this.map[port] === entry) this.map[port] = 0;
    }
    for (const m of this.movable.list) {
      const entry = this.ownerOfKey.get(m.key)! + 1;
      for (let port = m.claim.first; port <= m.claim.last; port++)
        if (this.map[port] === 0) this.map[port] = entry;
        else this.movable.reportCovered(m);
    }
  }

  /** size 1, 2 or 4; the result is unsigned. */
  read(port: number, size: number): number {
    const claim = this.claimFor(port, size);
    if (claim !== undefined) return claim.read === undefined ? allOnes(size) : claim.read(port, size);
    if (size === 1) return this.unknown(port, 'read');
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.read((port + i) & 0xffff, 1);
    return value;
  }

  write(port: number, size: number, value: number): void {
    const claim = this.claimFor(port, size);
    if (claim !== undefined) {
      claim.write?.(port, size, size === 4 ? value >>> 0 : value & allOnes(size));
      return;
    }
    if (size === 1) {
      this.unknown(port, 'write');
      return;
    }
    for (let i = 0; i < size; i++) this.write((port + i) & 0xffff, 1, (value >>> (8 * i)) & 0xff);
  }

  /** The claim that takes this access whole. */
  private claimFor(port: number, size: number): PortClaim | undefined {
    const owner = this.map[port]!;
    if (owner === 0) return undefined;
    const { claim } = this.owners[owner - 1]!;
    return size === 1 || (size <= (claim.width ?? 1) && port + size - 1 <= claim.last) ? claim : undefined;
  }

  private unknown(port: number, direction: string): number {
    if (this.logged[port] === 0) {
      this.logged[port] = 1;
      log('%s of port 0x%s, which nobody claims', direction, port.toString(16));
    }
    return 0xff;
  }
}
