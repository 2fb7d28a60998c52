/** Builds the machine that the options describe and puts the kernel into it; what does not fit is the user's error. */
import { LARGEST_BIOS, LARGEST_VGA_BIOS, checkBios, checkVgaBios } from '../firmware/bios-image.js';
import type { BlockDevice } from '../devices/block-device.js';
import { createEngine } from '../jit/engines.js';
import { ImageError, Machine } from '../machine.js';
import type { EndReason, MachineOptions, StorageMedia } from '../machine.js';
import {
  CPU_MODELS,
  canHaveLocalApic,
  hasLocalApicByDefault,
  type CpuModelName,
} from '../runtime/cpu-models.js';
import type { PeekByte } from '../regress/cpu-report.js';
import type { EngineName } from './engine-names.js';
import { chooseValue } from './options.js';
import { openDrives } from './host/disk-images.js';
import type { OpenDrive } from './host/disk-images.js';
import { readInputFile } from './host/files.js';
import { keepFreedMemory } from './host/freed-memory.js';
import { applyV8Flags } from './host/v8-flags.js';
import type { ClockName, GuestOptions } from './run-options.js';
import type { SerialPort } from './serial-port.js';
import { describeSize } from './sizes.js';
import { UsageError, quote } from './usage-error.js';

/** The files of a guest, read once and loaded at every reset. */
export interface GuestImages {
  readonly kernelPath: string;
  /** Absent when firmware finds something to boot. */
  readonly kernel: Uint8Array | undefined;
  readonly bios: Uint8Array | undefined;
  readonly vgaBios: Uint8Array | undefined;
  readonly initrd: Uint8Array | undefined;
  readonly append: string;
  readonly drives: readonly OpenDrive[];
}

/** Throws UsageError for files that cannot be read or are too large for what they are. */
export function readImages(
  options: GuestOptions,
  kernelPath: string | undefined,
  append: string,
): GuestImages {
  const { memoryBytes, initrd, bios, vgaBios } = options;
  const limitName = `in ${describeSize(memoryBytes)} of guest memory`;
  const read = (option: string, path: string | undefined): Uint8Array | undefined =>
    path === undefined ? undefined : readInputFile(option, path, memoryBytes, limitName);
  return {
    kernelPath: kernelPath ?? '',
    kernel: read('--kernel', kernelPath),
    initrd: read('--initrd', initrd),
    bios: bios === undefined ? undefined : readBios('--bios', bios, LARGEST_BIOS, checkBios),
    vgaBios:
      vgaBios === undefined ? undefined : readBios('--vga-bios', vgaBios, LARGEST_VGA_BIOS, checkVgaBios),
    append,
    drives: openDrives(options.drives),
  };
}

function readBios(
  option: string,
  path: string,
  limit: number,
  check: (bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = readInputFile(option, path, limit, 'for a BIOS');
  try {
    check(bytes);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new UsageError(`${option} ${quote(path)}: ${error.message}`);
  }
  return bytes;
}

export interface MachineSetup {
  readonly options: GuestOptions;
  readonly engine: EngineName;
  readonly clock: ClockName;
  readonly serial: SerialPort;
  readonly debugConsole: (byte: number) => void;
  readonly images: Pick<GuestImages, 'bios' | 'vgaBios'>;
  readonly network?: MachineOptions['network'];
  readonly drives: readonly Pick<OpenDrive, 'spec' | 'image'>[];
  /** A BIOS finds its console on the serial line. */
  readonly serialConsole?: boolean;
}

function mediaOf(drives: MachineSetup['drives']): StorageMedia {
  const ide: StorageMedia['ide'][number][] = [];
  const floppies: BlockDevice[] = [];
  for (const { spec, image } of drives)
    if (spec.medium === 'floppy') floppies[spec.slot] = image;
    else ide[spec.slot] = { kind: spec.medium, image };
  return { ide, floppies };
}

/** Where SeaBIOS looks for the port of a serial console. */
const SERIAL_CONSOLE_FILE = { 'etc/sercon-port': Uint8Array.of(0xf8, 0x03) };

/** Whether there are APICs. Throws UsageError for a processor model nobody knows, or one that cannot have what else is asked for. */
export function checkProcessor({ cpu, apic }: GuestOptions): boolean {
  const name =
    cpu === undefined ? 'default' : chooseValue('cpu', cpu, Object.keys(CPU_MODELS) as CpuModelName[]);
  if (apic && !canHaveLocalApic(CPU_MODELS[name])) {
    throw new UsageError(
      `--apic on: processor model ${quote(name)} has no local APIC; expected --apic off or another --cpu`,
    );
  }
  return apic ?? hasLocalApicByDefault(CPU_MODELS[name]);
}

/** Resets end a slice: the caller decides whether to boot again. Throws UsageError when the host cannot give the memory. */
export function createMachine(setup: MachineSetup): Machine {
  const { options, engine, clock, serial, debugConsole, images, network } = setup;
  const apic = checkProcessor(options);
  try {
    const machine = new Machine({
      memoryBytes: options.memoryBytes,
      ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
      apic,
      bios: images.bios,
      vgaBios: images.vgaBios,
      media: mediaOf(setup.drives),
      bootOrder: options.bootOrder,
      firmwareFiles: setup.serialConsole ? SERIAL_CONSOLE_FILE : {},
      clock,
      hostNow: () => Math.floor(performance.now() * 1e6),
      serial,
      debugConsole,
      debugExit: options.debugExit,
      noReboot: true,
      network,
      ...(clock === 'host' ? { rtcEpoch: Math.floor(Date.now() / 1000) } : {}),
      createEngine: createEngine(engine, {
        onLongRun: () => {
          applyV8Flags();
          keepFreedMemory();
        },
      }),
    });
    serial.now = () => machine.now();
    return machine;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--memory ${describeSize(options.memoryBytes)}: the host cannot allocate that much`);
  }
}

/** Throws UsageError naming the file when it is none that can be booted. */
export function loadImages(machine: Machine, images: GuestImages): void {
  const { kernel, initrd, append, kernelPath } = images;
  if (kernel === undefined) return;
  try {
    machine.loadKernel(kernel, { ...(initrd ? { initrd } : {}), append });
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new UsageError(`--kernel ${quote(kernelPath)}: ${error.message}`);
  }
}

export function peekByte(machine: Machine): PeekByte {
  return (linear) => {
    const address = machine.cpu.mmu.probeFetch(linear);
    return address < 0 ? -1 : machine.memory.u8[address]!;
  };
}

export { VIRTUAL_EPOCH } from '../machine.js';
export type { EndReason, Machine };
