/**
 * PCI bus 0: which function sits where, its configuration space, and the ranges that its base address registers and command bits put on the
 * port and memory buses.
 * Not implemented: bridges and further buses, 64-bit registers, memory below 1 MiB by type bits.
 */
import type { Decoder, Device, MmioClaim, PciBar, PciConfiguration, PortClaim } from './device.js';
import { barAddress, movesRanges } from './pci-function.js';

export interface PciBusState {
  /** Configuration space by `device << 3 | function`. */
  functions: Record<number, object>;
}

interface Member {
  readonly name: string;
  readonly pci: PciConfiguration;
}

export interface PciPlace {
  readonly at: number;
  readonly name: string;
  readonly config: Uint8Array;
  readonly bars: readonly {
    readonly index: number;
    readonly kind: 'io' | 'memory';
    readonly first: number;
    readonly last: number;
  }[];
}

export class PciBus implements Device<PciBusState> {
  readonly name = 'pci-bus';
  readonly version = 1;
  readonly state: PciBusState = { functions: {} };
  private readonly members: (Member | undefined)[] = Array.from({ length: 256 }, () => undefined);
  private readonly decoder: Decoder;

  constructor(decoder: Decoder) {
    this.decoder = decoder;
  }

  /** Throws an Error naming both when the place is taken. */
  add(device: number, index: number, name: string, pci: PciConfiguration): void {
    const at = (device << 3) | index;
    const other = this.members[at];
    if (other !== undefined)
      throw new Error(`PCI function ${device}.${index} is claimed by both ${other.name} and ${name}`);
    this.members[at] = { name, pci };
    this.state.functions[at] = pci.state;
  }

  /** What sits where: `at` is `device << 3 | function`; where base address registers make it answer. */
  *functions(): Generator<PciPlace> {
    for (const [at, member] of this.members.entries()) {
      if (member === undefined) continue;
      const { name, pci } = member;
      const bars = pci.bars.flatMap((bar, index) => {
        const first = bar === undefined ? -1 : barAddress(pci, index);
        return first < 0 ? [] : [{ index, kind: bar!.kind, first, last: first + bar!.size - 1 }];
      });
      yield { at, name, config: Uint8Array.from({ length: 256 }, (_, i) => pci.read(i)), bars };
    }
  }

  reset(): void {
    for (const member of this.members) member?.pci.reset();
    this.restored();
  }

  restored(): void {
    for (let at = 0; at < this.members.length; at++) this.place(at);
  }

  /** `at` is `device << 3 | function`; the access does not leave the four bytes that hold `offset`. Unsigned; all ones where nothing sits. */
  read(at: number, offset: number, size: number): number {
    const pci = this.members[at]?.pci;
    let value = 0;
    for (let i = size - 1; i >= 0; i--)
      value = value * 256 + (pci === undefined ? 0xff : pci.read((offset + i) & 0xff));
    return value;
  }

  write(at: number, offset: number, size: number, value: number): void {
    const pci = this.members[at]?.pci;
    if (pci === undefined) return;
    const last = Math.min(0xff, offset + size - 1);
    for (let i = 0; offset + i <= last; i++) pci.write(offset + i, (value >>> (8 * i)) & 0xff);
    pci.written?.(offset, last);
    if (movesRanges(offset, last)) this.place(at);
  }

  /** Puts the ranges of a function where its registers say. */
  private place(at: number): void {
    const member = this.members[at];
    member?.pci.bars.forEach((bar, index) => {
      if (bar === undefined) return;
      const key = (at << 3) | index;
      const address = barAddress(member.pci, index);
      const name = `${member.name} BAR${index}`;
      if (bar.kind === 'io') this.decoder.ports(key, name, address < 0 ? undefined : portsAt(bar, address));
      else this.decoder.memory(key, name, address < 0 ? undefined : memoryAt(bar, address));
    });
  }
}

function portsAt(bar: PciBar, first: number): PortClaim {
  return {
    first,
    last: first + bar.size - 1,
    width: 4,
    read: (port, size) => bar.read(port - first, size),
    write: (port, size, value) => bar.write(port - first, size, value),
  };
}

function memoryAt(bar: PciBar, first: number): MmioClaim {
  return {
    first,
    last: first + bar.size - 1,
    read: (address, size) => bar.read(address - first, size),
    write: (address, size, value) => bar.write(address - first, size, value),
    direct: bar.direct,
  };
}
