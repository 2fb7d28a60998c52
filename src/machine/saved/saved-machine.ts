/** A whole machine as plain data and back: what it is made of, time, processor, memory, and the state of every device. */
import type { Device } from '../../devices/device.js';
import type { MachineClock } from '../../hv/clock.js';
import type { InstructionCounter } from '../../hv/counter.js';
import type { VcpuEnvironment } from '../../hv/environment.js';
import type { ShadowRam } from '../../hv/shadow-ram.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Cpu } from '../../runtime/state.js';
import { adopt } from './adopt.js';
import { ContainerReader, ContainerWriter } from './container.js';
import type { Codec, SavedFile } from './container.js';
import { restoreMemory, saveMemory } from './memory-state.js';
import { decode, encode, isRecord } from './plain-data.js';
import { restoreProcessor, saveProcessor } from './processor-state.js';
import { SavedStateError } from './saved-state-error.js';

export interface SavedParts {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly shadow: ShadowRam;
  readonly clock: MachineClock;
  readonly counter: InstructionCounter;
  readonly environment: Pick<VcpuEnvironment, 'tscOffset'>;
  readonly devices: readonly Device[];
}

interface SavedDevice {
  readonly name: string;
  readonly version: number;
  readonly state: unknown;
}

/** The pieces of a file. `host` is plain data of whoever runs the machine, such as what is in its drives. */
export function saveMachine(parts: SavedParts, host: object, codec: Codec): Uint8Array[] {
  const { cpu, memory, devices, clock, counter, environment } = parts;
  const writer = new ContainerWriter(codec);
  const data = {
    make: { processor: cpu.model.name, memoryBytes: memory.ramBytes },
    host: encode(host, writer.put, 'host'),
    now: clock.now(),
    retired: counter.retired,
    tsc: environment.tscOffset,
    cpu: encode(saveProcessor(cpu), writer.put, 'cpu'),
    devices: devices.map(({ name, version, state }) => ({
      name,
      version,
      state: encode(state, writer.put, name),
    })),
    memory: encode(saveMemory(memory, parts.shadow, writer.put), writer.put, 'memory'),
  };
  return writer.finish(data);
}

const damaged = (what: string): SavedStateError => new SavedStateError(`is damaged: ${what}`);

/** A saved machine whose file is whole. */
export class SavedMachine {
  /** As given to `saveMachine`. */
  readonly host: unknown;
  readonly #reader: ContainerReader;
  readonly #data: Record<string, unknown>;

  /** Throws SavedStateError for a file that is none, not whole, damaged or newer. */
  constructor(file: SavedFile, codec: Codec) {
    this.#reader = new ContainerReader(file, codec);
    if (!isRecord(this.#reader.data)) throw damaged('there is no machine in it');
    this.#data = this.#reader.data;
    this.host = this.#decode('host');
  }

  #decode(name: string): unknown {
    return decode(this.#data[name], this.#reader.get);
  }

  /** Throws SavedStateError when the machine is made otherwise; it is then half-way and of no use. */
  restore(parts: SavedParts): void {
    this.#checkMake(parts);
    const devices = this.#devices();
    checkDevices(parts.devices, devices);
    restoreMemory(parts.memory, parts.shadow, this.#decode('memory'), this.#reader.get);
    this.#restoreTime(parts);
    const states = parts.devices.map((device) => this.#stateFor(device, devices.get(device.name)!));
    const adoptAll = (): void =>
      parts.devices.forEach((device, i) => adopt(device.state, states[i], device.name));
    adoptAll();
    for (const device of parts.devices) device.restored?.();
    // What wires did to their receivers meanwhile is undone.
    adoptAll();
    restoreProcessor(parts.cpu, this.#decode('cpu'));
  }

  #checkMake({ cpu, memory }: SavedParts): void {
    const { make } = this.#data;
    const { processor, memoryBytes } = isRecord(make) ? make : {};
    if (typeof processor !== 'string' || typeof memoryBytes !== 'number')
      throw damaged('it does not say of which machine it is');
    if (memoryBytes !== memory.ramBytes)
      throw new SavedStateError(
        `has ${memoryBytes / 1024} KiB of memory, this machine ${memory.ramBytes / 1024} KiB; expected --memory ${memoryBytes / 1024}K`,
      );
    if (processor !== cpu.model.name)
      throw new SavedStateError(
        `has another processor: ${JSON.stringify(processor)}, this machine '${cpu.model.name}'; expected the --cpu it was saved with`,
      );
  }

  #devices(): Map<string, SavedDevice> {
    const { devices } = this.#data;
    if (!Array.isArray(devices)) throw damaged('it has no devices');
    return new Map(devices.map((device) => [savedDevice(device).name, savedDevice(device)]));
  }

  #restoreTime({ counter, clock, environment }: SavedParts): void {
    const { now, retired, tsc } = this.#data;
    if (!isCount(now) || !isCount(retired)) throw damaged('it does not say what time it is');
    counter.set(retired);
    clock.set(now);
    const offset = { ...environment.tscOffset };
    adopt(offset, tsc, 'the time-stamp counter');
    environment.tscOffset = offset;
  }

  /** In the form that the device has today. */
  #stateFor({ name, version, migrate }: Device, saved: SavedDevice): unknown {
    const state = decode(saved.state, this.#reader.get);
    if (saved.version === version) return state;
    if (saved.version > version)
      throw new SavedStateError(
        `is newer than this program: its device ${name} has version ${saved.version}, expected up to ${version}`,
      );
    if (migrate === undefined)
      throw new SavedStateError(
        `is too old: its device ${name} has version ${saved.version}, expected ${version}`,
      );
    return migrate(saved.version, state);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function savedDevice(value: unknown): SavedDevice {
  const { name, version, state } = isRecord(value) ? value : {};
  if (typeof name !== 'string' || !isCount(version)) throw damaged('a device without name or version');
  return { name, version, state };
}

/** Both have the same devices. */
function checkDevices(own: readonly Device[], saved: ReadonlyMap<string, SavedDevice>): void {
  const missing = own.find(({ name }) => !saved.has(name));
  if (missing !== undefined)
    throw new SavedStateError(
      `has no device ${missing.name}, which this machine has; expected the options it was saved with`,
    );
  const names = new Set(own.map(({ name }) => name));
  const extra = [...saved.keys()].find((name) => !names.has(name));
  if (extra !== undefined)
    throw new SavedStateError(
      `has a device ${JSON.stringify(extra)}, which this machine has not; expected the options it was saved with`,
    );
}
