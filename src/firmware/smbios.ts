/** SMBIOS 2.4: what the machine calls itself, its processor and its memory (DMTF DSP0134). */
import { ascii, dword, sealBytes, word } from './table-bytes.js';
import type { ProcessorIdentity } from './mp-table.js';

const ENTRY_BYTES = 0x1f,
  ENTRY_PADDED = 0x20,
  INTERMEDIATE = 0x10;
const TYPE = {
  BIOS: 0,
  SYSTEM: 1,
  CHASSIS: 3,
  PROCESSOR: 4,
  MEMORY_ARRAY: 16,
  MEMORY_DEVICE: 17,
  MAPPED_MEMORY: 19,
  BOOT: 32,
  END: 127,
} as const;
/** By type and number of its kind. */
const handle = (type: number): number => type << 8;
const NONE = 0xfffe;

/** Header, formatted part, strings that it counts from 1. */
function structure(type: number, body: readonly number[], strings: readonly string[] = []): number[] {
  const texts = strings.flatMap((text) => [...ascii(text), 0]);
  return [type, 4 + body.length, ...word(handle(type)), ...body, ...(texts.length === 0 ? [0] : texts), 0];
}

function bios(): number[] {
  const romKib64 = 0;
  // PCI, shadowing, CD boot, selectable boot, EDD; ACPI; El Torito.
  const features = [...dword(0x00098080), ...dword(0)];
  return structure(
    TYPE.BIOS,
    [1, 2, ...word(0xf000), 3, romKib64, ...features, 0x01, 0x00, 1, 0, 0xff, 0xff],
    ['hvmjs', '1.0', '01/01/2024'],
  );
}

function system(): number[] {
  const wakeUpByPowerSwitch = 6;
  return structure(
    TYPE.SYSTEM,
    [1, 2, 3, 0, ...new Array<number>(16).fill(0), wakeUpByPowerSwitch, 0, 0],
    ['hvmjs', 'HVM PC', '1.0'],
  );
}

function chassis(): number[] {
  const [other, safe, unknown] = [1, 3, 2];
  return structure(
    TYPE.CHASSIS,
    [1, other, 0, 0, 0, safe, safe, safe, unknown, ...dword(0), 0, 0, 0, 0],
    ['hvmjs'],
  );
}

function processor({ signature, features }: ProcessorIdentity): number[] {
  const [central, unknownFamily, enabled, otherUpgrade] = [3, 2, 0x41, 1];
  return structure(
    TYPE.PROCESSOR,
    [
      ...[1, central, unknownFamily, 2, ...dword(signature), ...dword(features), 3, 0],
      ...[...word(0), ...word(1000), ...word(1000), enabled, otherUpgrade],
      ...[...word(0xffff), ...word(0xffff), ...word(0xffff), 0, 0, 0, 1, 1, 1, ...word(4)],
    ],
    ['CPU 0', 'hvmjs', '1.0'],
  );
}

function memory(ramBytes: number): number[] {
  const [board, systemMemory, multiBit, dimm, ram] = [1, 3, 6, 9, 7];
  const kib = Math.floor(ramBytes / 1024);
  const mib = Math.floor(kib / 1024);
  return [
    ...structure(TYPE.MEMORY_ARRAY, [
      board,
      systemMemory,
      multiBit,
      ...dword(kib),
      ...word(NONE),
      ...word(1),
    ]),
    ...structure(
      TYPE.MEMORY_DEVICE,
      [
        ...[...word(handle(TYPE.MEMORY_ARRAY)), ...word(NONE), ...word(64), ...word(64), ...word(mib)],
        ...[dimm, 0, 1, 0, ram, ...word(0), ...word(0), 0, 0, 0, 0],
      ],
      ['DIMM 0'],
    ),
    ...structure(TYPE.MAPPED_MEMORY, [...dword(0), ...dword(kib - 1), ...word(handle(TYPE.MEMORY_ARRAY)), 1]),
  ];
}

/** Entry point and structures, for `address`, which is a multiple of 16. */
export function smbiosTables(ramBytes: number, identity: ProcessorIdentity, address: number): Uint8Array {
  const parts = [
    ...[bios(), system(), chassis(), processor(identity), memory(ramBytes)],
    structure(TYPE.BOOT, new Array<number>(7).fill(0)),
    structure(TYPE.END, []),
  ];
  const body = parts.flat();
  // The memory part holds three structures.
  const count = parts.length + 2;
  const longest = Math.max(...parts.map((part) => part.length));
  const entry = [
    ...[...ascii('_SM_'), 0, ENTRY_BYTES, 2, 4, ...word(longest), 0, 0, 0, 0, 0, 0],
    ...[...ascii('_DMI_'), 0, ...word(body.length), ...dword(address + ENTRY_PADDED), ...word(count), 0x24],
  ];
  sealBytes(entry, INTERMEDIATE + 5, INTERMEDIATE, ENTRY_BYTES);
  sealBytes(entry, 4, 0, ENTRY_BYTES);
  return Uint8Array.from([...entry, 0, ...body]);
}
