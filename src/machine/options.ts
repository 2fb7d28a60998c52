/** What a machine is built from. */
import type { NetworkBackend } from '../devices/network-backend.js';
import type { SerialBackend } from '../devices/serial-backend.js';
import type { Engine } from '../hv/engine.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import type { Cpu } from '../runtime/state.js';
import type { StorageMedia } from './storage.js';

export interface MachineOptions {
  memoryBytes: number;
  /** A name of CPU_MODELS; the default model when absent. */
  cpu?: string | undefined;
  /** Local APIC, I/O APIC and HPET beside PIC and PIT; off when absent. */
  apic?: boolean | undefined;
  /** A BIOS image that is to start instead of the built-in firmware (`checkBios`). */
  bios?: Uint8Array | undefined;
  /** The expansion ROM of the display adapter. */
  vgaBios?: Uint8Array | undefined;
  /** Which devices a BIOS tries, in QEMU's letters (`isBootOrder`); hard disk, floppy, CD when absent. */
  bootOrder?: string | undefined;
  /** CMOS bytes beyond those that follow from the machine: register → value. */
  cmos?: Readonly<Record<number, number>> | undefined;
  /** Files for a BIOS to find on the firmware configuration device: name → contents. */
  firmwareFiles?: Readonly<Record<string, Uint8Array>> | undefined;
  /** What is in the drives at power-on; nothing when absent. */
  media?: StorageMedia | undefined;
  clock: 'virtual' | 'host';
  /** Monotonic host nanoseconds; needed by the host clock. */
  hostNow?: (() => number) | undefined;
  serial: SerialBackend;
  debugConsole?: ((byte: number) => void) | undefined;
  debugExit: boolean;
  noReboot?: boolean | undefined;
  /** Seed that scatters the guest's frames over machine memory. */
  scatter?: number | undefined;
  /** What an RTL8139's cable leads to, and the card's address (six bytes); no card when absent. */
  network?:
    | {
        readonly backend: NetworkBackend;
        readonly station: Uint8Array;
        readonly rom?: Uint8Array | undefined;
      }
    | undefined;
  createEngine: (cpu: Cpu, memory: PhysicalMemory) => Engine;
  /** Seconds since 1970 at power-on. */
  rtcEpoch?: number | undefined;
}
