/** What the monitor's commands ask of a running machine; everything happens between two slices. */
import type { Mapping } from './page-tables.js';

/** A range that answers. */
export interface RangeInfo {
  readonly first: number;
  readonly last: number;
  readonly name: string;
}

export interface PciInfo {
  readonly device: number;
  readonly index: number;
  readonly name: string;
  /** The 256 bytes. */
  readonly config: Uint8Array;
  /** Where base address registers make it answer. */
  readonly bars: readonly {
    readonly index: number;
    readonly kind: 'io' | 'memory';
    readonly first: number;
    readonly last: number;
  }[];
}

export interface DriveInfo {
  /** As QEMU names it: ide0-hd0, ide1-cd0, floppy0. */
  readonly name: string;
  /** Undefined: nothing is in it. */
  readonly path: string | undefined;
  readonly format: string;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly locked: boolean;
  readonly trayOpen: boolean;
}

/** What a monitor on the display adapter shows. */
export interface ScreenInfo {
  readonly kind: 'text' | 'graphics' | 'blank';
  /** Pixels; 0 while no mode is set. */
  readonly width: number;
  readonly height: number;
  /** Of a text mode, in Unicode without trailing blanks. */
  readonly lines: readonly string[];
}

/** Methods throw CommandError for what cannot be done. */
export interface MonitorTarget {
  readonly running: boolean;
  readonly instructions: number;
  /** Guest nanoseconds. */
  readonly now: number;
  registers(): string;
  /** By name in lower case; undefined for what is none. uint32. */
  register(name: string): number | undefined;
  mappings(): Iterable<Mapping>;
  /** Guest-physical address of a linear one, -1 where nothing is mapped. */
  translate(linear: number): number;
  /** A byte of RAM or ROM; -1 where there is neither (devices are not touched). */
  readMemory(physical: number): number;
  /** Bits of the code that runs. */
  readonly codeBits: 16 | 32;
  statistics(): object;
  pci(): readonly PciInfo[];
  memoryMap(): { readonly memory: readonly RangeInfo[]; readonly ports: readonly RangeInfo[] };
  drives(): readonly DriveInfo[];
  eject(drive: string, force: boolean): void;
  change(drive: string, path: string, format: string | undefined): void;
  screen(): ScreenInfo;
  screendump(path: string): void;
  sendKeys(keys: readonly number[]): void;
  reset(): void;
  powerDown(): void;
  stop(): void;
  resume(): void;
  quit(): void;
  save(path: string): void;
  /** The machine is as it was when it cannot be done. */
  load(path: string): void;
}
