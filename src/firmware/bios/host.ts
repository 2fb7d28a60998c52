/** What BIOS services need of the machine: registers, memory, ports, PCI, drives and time, each as narrow as it can be. */
import type { PciAccess } from '../pci-setup.js';

export const ES = 0,
  CS = 1,
  SS = 2,
  DS = 3;

/** The processor at a boundary between two instructions, in real or virtual-8086 mode. */
export interface BiosProcessor {
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  readonly registers: Int32Array;
  /** Linear base of ES, CS, SS or DS. */
  base(segment: number): number;
  /** Loads a selector as real mode does. */
  load(segment: number, selector: number): void;
  /** Goes on at an offset in CS. */
  jump(offset: number): void;
}

/** Linear addresses; what is no memory reads all ones. */
export interface BiosMemory {
  read8(address: number): number;
  read16(address: number): number;
  /** uint32. */
  read32(address: number): number;
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;
  read(address: number, length: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
}

/** `size` in bytes: 1, 2 or 4. */
export interface BiosPorts {
  read(port: number, size?: number): number;
  write(port: number, value: number, size?: number): void;
}

/** The host could not read or write a medium. */
export class MediumError extends Error {}

/** Contents of a drive; MediumError is thrown when the host fails. */
export interface Medium {
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  flush(): void;
}

/** A drive whose medium may be changed: undefined while it has none. */
export type Drive = () => Medium | undefined;

/** What holds a medium in. */
export interface Door {
  locked: boolean;
  /** Nothing happens while it is locked. */
  open(): void;
}

export interface BiosDrives {
  readonly floppies: readonly Drive[];
  readonly disks: readonly Drive[];
  readonly cdroms: readonly Drive[];
  /** Of the CD-ROM drives. */
  readonly doors: readonly Door[];
}

export interface BiosHost {
  readonly processor: BiosProcessor;
  readonly memory: BiosMemory;
  readonly ports: BiosPorts;
  readonly pci: PciAccess;
  readonly drives: BiosDrives;
  readonly ramBytes: number;
  /** What to boot from, in QEMU's letters. */
  readonly bootOrder: string;
  /** Guest nanoseconds. */
  now(): number;
  setA20(enabled: boolean): void;
  a20(): boolean;
}
