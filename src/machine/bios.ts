/** The built-in BIOS in the machine: its host's processor, memory, ports, drives and clock, and the port by which its ROM calls. */
import { BlockError } from '../devices/block-device.js';
import type { BlockDevice } from '../devices/block-device.js';
import type { Device } from '../devices/device.js';
import { SERVICE_PORT } from '../firmware/bios/code.js';
import { CS, MediumError } from '../firmware/bios/host.js';
import type {
  BiosDrives,
  BiosHost,
  BiosMemory,
  BiosPorts,
  BiosProcessor,
  Drive,
  Medium,
} from '../firmware/bios/host.js';
import { biosImage } from '../firmware/bios/image.js';
import { AT, ROM_SEGMENT } from '../firmware/bios/rom.js';
import { BiosServices } from '../firmware/bios/services.js';
import { createBiosState } from '../firmware/bios/state.js';
import type { BiosState } from '../firmware/bios/state.js';
import type { PciAccess } from '../firmware/pci-setup.js';
import { loadRealSegment } from '../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { CR0, R_EIP, R_SEGMENT_BASE } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';

const ROM_FIRST = ROM_SEGMENT * 16,
  ROM_LAST = ROM_FIRST + 0xffff;
const PAGE = 4096,
  A20_LINE = 0x100000;

class Processor implements BiosProcessor {
  private readonly cpu: Cpu;
  readonly registers: Int32Array;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.registers = cpu.r.subarray(0, 8);
  }
  base(segment: number): number {
    return this.cpu.r[R_SEGMENT_BASE + segment]! >>> 0;
  }
  load(segment: number, selector: number): void {
    loadRealSegment(this.cpu, segment, selector);
  }
  jump(offset: number): void {
    this.cpu.r[R_EIP] = offset;
  }
}

/** Where paging is on (virtual-8086 mode), pages that are not mapped to memory are taken for what lies at their address. */
class Memory implements BiosMemory {
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;

  constructor(cpu: Cpu, memory: PhysicalMemory) {
    this.cpu = cpu;
    this.memory = memory;
  }

  private physical(linear: number): number {
    return this.memory.a20 ? linear >>> 0 : (linear & ~A20_LINE) >>> 0;
  }
  /** Machine address, -1 where the bus answers. */
  private machine(linear: number): number {
    if ((this.cpu.cr0 & CR0.PG) !== 0) {
      const machine = this.cpu.mmu.probeFetch(linear | 0);
      if (machine >= 0) return machine;
    }
    return this.memory.machineAddress(this.physical(linear));
  }

  read8(address: number): number {
    const machine = this.machine(address);
    return machine >= 0 ? this.memory.u8[machine]! : this.memory.bus.read(this.physical(address), 1) & 0xff;
  }
  read16(address: number): number {
    return this.read8(address) | (this.read8(address + 1) << 8);
  }
  read32(address: number): number {
    return (this.read16(address) | (this.read16(address + 2) << 16)) >>> 0;
  }
  write8(address: number, value: number): void {
    const machine = this.machine(address);
    if (machine >= 0) this.memory.store(machine, 1, value & 0xff);
    else this.memory.bus.write(this.physical(address), 1, value & 0xff);
  }
  write16(address: number, value: number): void {
    this.write8(address, value);
    this.write8(address + 1, value >> 8);
  }
  write32(address: number, value: number): void {
    this.write16(address, value);
    this.write16(address + 2, value >>> 16);
  }

  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.eachPage(address, length, (at, done, part) => {
      const machine = this.machine(at);
      if (machine >= 0) bytes.set(this.memory.u8.subarray(machine, machine + part), done);
      else for (let i = 0; i < part; i++) bytes[done + i] = this.read8(at + i);
    });
    return bytes;
  }
  write(address: number, bytes: Uint8Array): void {
    this.eachPage(address, bytes.length, (at, done, part) => {
      const machine = this.machine(at);
      for (let i = 0; i < part; i++) {
        if (machine >= 0) this.memory.store(machine + i, 1, bytes[done + i]!);
        else this.memory.bus.write(this.physical(at + i), 1, bytes[done + i]!);
      }
    });
  }

  private eachPage(
    address: number,
    length: number,
    visit: (at: number, done: number, part: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, PAGE - ((address + done) % PAGE));
      visit(address + done, done, part);
      done += part;
    }
  }
}

function guarded<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    throw new MediumError(error.message, { cause: error });
  }
}

/** One object for each image, so that a change of medium shows. */
const media = new WeakMap<BlockDevice, Medium>();
function mediumOf(image: BlockDevice): Medium {
  const medium = media.get(image) ?? {
    size: image.size,
    readOnly: image.readOnly,
    read: (offset: number, into: Uint8Array) => guarded(() => image.read(offset, into)),
    write: (offset: number, bytes: Uint8Array) => guarded(() => image.write(offset, bytes)),
    flush: () => guarded(() => image.flush()),
  };
  media.set(image, medium);
  return medium;
}

export function biosDrive(inserted: () => BlockDevice | undefined): Drive {
  return () => {
    const image = inserted();
    return image === undefined ? undefined : mediumOf(image);
  };
}

const CONTROLLER = 0x64,
  A20_OFF = 0xdd,
  A20_ON = 0xdf,
  PORT_92 = 0x92,
  PORT_92_A20 = 2;
/** Both gates, as either of them opens the line. */
function setA20(ports: BiosPorts, enabled: boolean): void {
  const old = ports.read(PORT_92) & ~1;
  ports.write(PORT_92, enabled ? old | PORT_92_A20 : old & ~PORT_92_A20);
  ports.write(CONTROLLER, enabled ? A20_ON : A20_OFF);
}

export interface BiosParts {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly pci: PciAccess;
  readonly drives: BiosDrives;
  readonly bootOrder: string;
  readonly now: () => number;
}

/** Ports are reached as the processor reaches them. */
function biosHost(parts: BiosParts): BiosHost {
  const { cpu, memory, pci, drives, bootOrder, now } = parts;
  const ports: BiosPorts = {
    read: (port, size = 1) => cpu.environment.readPort(port, size),
    write: (port, value, size = 1) => cpu.environment.writePort(port, size, value),
  };
  return {
    processor: new Processor(cpu),
    memory: new Memory(cpu, memory),
    ...{ ports, pci, drives, bootOrder, now },
    ramBytes: memory.ramBytes,
    a20: () => memory.a20,
    setA20: (enabled) => setA20(ports, enabled),
  };
}

/** ROM, services, and the port that the ROM's stubs write to: `called` asks for an exit behind the instruction. */
export class BuiltInBios implements Device<BiosState> {
  readonly name = 'bios';
  /** 1 knew no expansion ROMs. */
  readonly version = 2;
  readonly state: BiosState;
  readonly ports;
  readonly rom: Uint8Array;
  private readonly cpu: Cpu;
  private readonly services: BiosServices;

  constructor(parts: BiosParts, called: () => void) {
    const program = biosImage();
    this.rom = program.bytes;
    this.cpu = parts.cpu;
    this.services = new BiosServices(biosHost(parts), program);
    this.state = this.services.state;
    this.ports = [{ first: SERVICE_PORT, last: SERVICE_PORT, write: called }];
  }

  migrate(_version: number, state: unknown): BiosState {
    return { ...createBiosState(), ...(state as BiosState) };
  }

  reset(): void {
    // Power-on clears what matters.
  }

  /** Mode 3 with an empty screen, as power-on leaves it. */
  setUpScreen(): void {
    this.services.setUpScreen();
  }

  /** Runs the service whose stub the processor is in. */
  call(): void {
    const offset = romOffset(this.cpu);
    if (offset >= 0) this.services.handle(offset);
  }

  /** The processor, just reset, goes through power-on to INT 19h. */
  start(): void {
    loadRealSegment(this.cpu, CS, ROM_SEGMENT);
    this.cpu.r[R_EIP] = AT.POST;
  }
}

/** Offset in the ROM at which the processor goes on, -1 when that is elsewhere. */
function romOffset(cpu: Cpu): number {
  const linear = (cpu.r[R_SEGMENT_BASE + CS]! + cpu.r[R_EIP]!) >>> 0;
  return linear >= ROM_FIRST && linear <= ROM_LAST ? linear - ROM_FIRST : -1;
}
