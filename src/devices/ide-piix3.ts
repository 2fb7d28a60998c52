/**
 * The IDE function of the PIIX3 (8086:7010): two channels at their legacy addresses 1F0/3F6 and 170/376, one bus master each in BAR 4.
 * Not implemented: the timing registers keep what is written; both channels always answer, whatever their enable bits say.
 */
import type { AtaUnit } from './ata-unit.js';
import type { Clock, Device, Nanoseconds, PciBar, PortClaim, Wire } from './device.js';
import type { GuestMemory } from './guest-memory.js';
import { IdeBusMaster } from './ide-bus-master.js';
import type { BusMasterState, Reaches } from './ide-bus-master.js';
import { IdeChannel } from './ide-channel.js';
import type { IdeChannelState } from './ide-channel.js';
import { PciFunction } from './pci-function.js';

const PORTS = [
  { command: 0x1f0, control: 0x3f6 },
  { command: 0x170, control: 0x376 },
] as const;
const BUS_MASTER_BYTES = 8;
const PCI_COMMAND = 4,
  PCI_BUS_MASTER = 4;

export interface IdeState {
  channels: IdeChannelState[];
  masters: BusMasterState[];
  /** Primary master and slave, secondary master and slave; null where no drive is. */
  units: (object | null)[];
}

export interface IdeOptions {
  readonly clock: Clock;
  readonly memory: GuestMemory;
  readonly reaches: Reaches;
  /** IRQ 14 and IRQ 15. */
  readonly irqs: readonly [Wire, Wire];
  /** Primary master and slave, secondary master and slave. */
  readonly units: readonly (AtaUnit | undefined)[];
}

export class IdePiix3 implements Device<IdeState> {
  readonly name = 'ide';
  readonly version = 1;
  readonly state: IdeState;
  readonly ports: readonly PortClaim[];
  readonly pci: PciFunction;
  private readonly channels: readonly IdeChannel[];
  private readonly masters: readonly IdeBusMaster[];

  constructor({ clock, memory, reaches, irqs, units }: IdeOptions) {
    const enabled = (): boolean => (this.pci.read(PCI_COMMAND) & PCI_BUS_MASTER) !== 0;
    this.masters = irqs.map(() => new IdeBusMaster(memory, reaches, enabled));
    this.channels = irqs.map(
      (irq, i) => new IdeChannel(clock, irq, this.masters[i]!, units.slice(2 * i, 2 * i + 2)),
    );
    this.ports = this.channels.flatMap((channel, i) => legacyPorts(channel, PORTS[i]!));
    this.pci = piix3Ide(this.bar());
    this.state = {
      channels: this.channels.map((channel) => channel.state),
      masters: this.masters.map((master) => master.state),
      units: this.channels.flatMap((channel) => channel.units.map((unit) => unit?.state ?? null)),
    };
  }

  reset(): void {
    for (const master of this.masters) master.reset();
    for (const channel of this.channels) channel.reset();
  }

  deadline(): Nanoseconds {
    return Math.min(this.channels[0]!.deadline(), this.channels[1]!.deadline());
  }

  tick(now: Nanoseconds): void {
    for (const channel of this.channels) channel.tick(now);
  }

  restored(): void {
    for (const channel of this.channels) channel.restored();
  }

  private bar(): PciBar {
    const master = (offset: number): IdeBusMaster => this.masters[offset >> 3]!;
    return {
      kind: 'io',
      size: BUS_MASTER_BYTES * this.masters.length,
      read: (offset, size) => {
        this.channels[offset >> 3]!.catchUp();
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + master(offset + i).read((offset + i) & 7);
        return value;
      },
      write: (offset, size, value) => {
        for (let i = 0; i < size; i++) master(offset + i).write((offset + i) & 7, (value >>> (8 * i)) & 0xff);
      },
    };
  }
}

function legacyPorts(channel: IdeChannel, { command, control }: (typeof PORTS)[number]): PortClaim[] {
  return [
    {
      first: command,
      last: command + 7,
      width: 4,
      read: (port, size) => channel.read(port - command, size),
      write: (port, size, value) => channel.write(port - command, size, value),
      readBlock: (port, size, bytes, at, count) => channel.readBlock(port - command, size, bytes, at, count),
      writeBlock: (port, size, bytes, at, count) =>
        channel.writeBlock(port - command, size, bytes, at, count),
    },
    {
      first: control,
      last: control,
      read: () => channel.alternateStatus(),
      write: (_port, _size, value) => channel.writeControl(value),
    },
  ];
}

function piix3Ide(busMaster: PciBar): PciFunction {
  return new PciFunction({
    vendor: 0x8086,
    device: 0x7010,
    // Bus master, both channels in compatibility mode.
    classCode: [1, 1, 0x80],
    registers: { 0x06: [0x80, 0x02] },
    writable: [[0x40, 0x44]],
    bars: [undefined, undefined, undefined, undefined, busMaster],
  });
}
