/** Guest-physical addresses that are not RAM: routes an access to the chip that claims it. */
import debug from 'debug';
import type { Device, MmioClaim } from '../devices/device.js';
import { MovableRanges } from './movable-ranges.js';

const log = debug('hvm:io');

interface OwnedClaim {
  readonly device: string;
  readonly claim: MmioClaim;
}

function meet(a: MmioClaim, b: MmioClaim): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export class MmioBus {
  /** Sorted by first address. */
  private readonly owners: OwnedClaim[] = [];
  private readonly movable = new MovableRanges<MmioClaim>();
  /** Every claim in the order in which they are asked: fixed ones, then movable ones by key. */
  private claims: readonly MmioClaim[] = [];
  /** The claim that answered last; none when ranges meet, where the order counts. */
  private recent: MmioClaim | undefined;
  private disjoint = true;
  /** 4 KiB frames that were already reported. */
  private readonly logged = new Set<number>();

  /** Throws an Error naming both devices when the ranges overlap. */
  add(device: Device): void {
    for (const claim of device.mmio ?? []) this.claim(device.name, claim);
  }

  private claim(device: string, claim: MmioClaim): void {
    const other = this.owners.find((o) => meet(claim, o.claim));
    if (other !== undefined)
      throw new Error(
        `address 0x${claim.first.toString(16)} is claimed by both ${other.device} and ${device}`,
      );
    this.owners.push({ device, claim });
    this.owners.sort((a, b) => a.claim.first - b.claim.first);
    this.order();
  }

  /** Puts, moves or takes away the range with this key (`Decoder.memory`). */
  move(key: number, name: string, claim: MmioClaim | undefined): void {
    this.movable.set(key, name, claim);
    this.order();
  }

  private order(): void {
    this.claims = [...this.owners, ...this.movable.list].map(({ claim }) => claim);
    this.recent = undefined;
    const covered = this.movable.list.filter((m) => this.isCovered(m.claim));
    this.disjoint = covered.length === 0;
    for (const m of covered) this.movable.reportCovered(m);
  }

  private isCovered(claim: MmioClaim): boolean {
    return this.claims.slice(0, this.claims.indexOf(claim)).some((other) => meet(claim, other));
  }

  /** size 1, 2 or 4; the result is unsigned. */
  read(address: number, size: number): number {
    const at = address >>> 0;
    const claim = this.claimFor(at, size);
    if (claim !== undefined) return claim.read(at, size);
    if (size === 1) return this.unknown(at, 'read');
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.read(at + i, 1);
    return value;
  }

  write(address: number, size: number, value: number): void {
    const at = address >>> 0;
    const claim = this.claimFor(at, size);
    if (claim !== undefined) claim.write(at, size, value >>> 0);
    else if (size === 1) this.unknown(at, 'write');
    else for (let i = 0; i < size; i++) this.write(at + i, 1, (value >>> (8 * i)) & 0xff);
  }

  /** The claim that takes this access whole; an access into which an earlier claim reaches is split. */
  private claimFor(address: number, size: number): MmioClaim | undefined {
    const end = address + size - 1;
    const { recent, claims } = this;
    if (recent !== undefined && address >= recent.first && end <= recent.last) return recent;
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i]!;
      if (address > claim.last || end < claim.first) continue;
      if (address < claim.first || end > claim.last) return undefined;
      if (this.disjoint) this.recent = claim;
      return claim;
    }
    return undefined;
  }

  private unknown(address: number, direction: string): number {
    const frame = address >>> 12;
    if (!this.logged.has(frame) && this.logged.size < 4096) {
      this.logged.add(frame);
      log('%s of address 0x%s, which nobody claims', direction, address.toString(16));
    }
    return 0xff;
  }
}

/** `size` bytes of a 32-bit register from byte `offset` on, unsigned; what lies beyond it reads 0. */
export function partOf(value: number, offset: number, size: number): number {
  if (offset > 3) return 0;
  const shifted = value >>> (8 * offset);
  return size === 4 ? shifted : shifted & (size === 2 ? 0xffff : 0xff);
}
