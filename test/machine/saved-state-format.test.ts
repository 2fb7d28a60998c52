/** Files that are no saved machine, or not of this machine: refused by a sentence, never a crash, a hang or a surprise. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  SavedMachine,
  SavedStateError,
  STATE_CODEC,
  build,
  fileOf,
  open,
  restore,
  run,
  save,
} from './saved-machines.js';
import type { Machine } from './saved-machines.js';

let machine: Machine;
let bytes: Uint8Array;
/** A small one: fuzzed by the thousand. */
const TRAILER = 4;

beforeAll(() => {
  ({ machine } = build('interpreter'));
  run(machine, 1000);
  bytes = save(machine, { note: 'from the host', list: [1, Infinity, -0, null] });
});

/** Why it is refused; undefined when it is not. Anything but SavedStateError is a failure. */
function refusal(file: Uint8Array): string | undefined {
  try {
    machine.restore(open(file));
    return undefined;
  } catch (error) {
    if (!(error instanceof SavedStateError)) throw error;
    expect(error.message).not.toMatch(/\n/);
    return error.message;
  }
}

function resealed(file: Uint8Array): Uint8Array {
  const end = file.length - TRAILER;
  new DataView(file.buffer, file.byteOffset).setUint32(
    end,
    STATE_CODEC.crc32(file.subarray(0, end), 0),
    true,
  );
  return file;
}

interface Header {
  data: {
    make: { processor: string; memoryBytes: number };
    now: unknown;
    devices: { name: string; version: number; state: Record<string, unknown> }[];
  };
}

/** The file with another header, checksum and lengths right. */
function withHeader(change: (header: Header) => void): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(12, true);
  const end = bytes.length - TRAILER;
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(end - length, end))) as Header;
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(end - length + text.length + TRAILER);
  file.set(bytes.subarray(0, end - length));
  file.set(text, end - length);
  const changed = new DataView(file.buffer);
  changed.setUint32(12, text.length, true);
  changed.setFloat64(16, file.length, true);
  return resealed(file);
}
const deviceOf = (header: Header, name: string) =>
  header.data.devices.find((device) => device.name === name)!;

describe('refused', () => {
  it('what is not whole', () => {
    for (const length of [8, 20, 27, 28, 1000, bytes.length - 1])
      expect(refusal(bytes.subarray(0, length))).toMatch(/^is truncated: /);
  });

  it('what is none', () => {
    expect(refusal(new Uint8Array(0))).toMatch(/^is no saved machine/);
    expect(refusal(new TextEncoder().encode('#!/bin/sh\n'))).toMatch(/^is no saved machine/);
    expect(refusal(new Uint8Array(10_000))).toMatch(/^is no saved machine/);
  });

  it('a newer format, and a newer device', () => {
    const newer = bytes.slice();
    newer[8] = 9;
    expect(refusal(newer)).toBe('is newer than this program: format 9, expected up to 1');
    expect(refusal(withHeader((header) => (deviceOf(header, 'pic').version = 99)))).toBe(
      'is newer than this program: its device pic has version 99, expected up to 1',
    );
    expect(refusal(withHeader((header) => (deviceOf(header, 'pci-host').version = 1)))).toMatch(
      /^is too old: its device pci-host has version 1, expected \d$/,
    );
  });

  it('a damaged one', () => {
    const damaged = bytes.slice();
    damaged[5000]! ^= 4;
    expect(refusal(damaged)).toBe('is damaged: its checksum is wrong');
    expect(refusal(Buffer.concat([bytes, Uint8Array.of(0)]))).toMatch(/^is damaged: /);
  });

  it('another memory size, processor, or set of devices', () => {
    const other = (options: Parameters<typeof build>[1]) => () =>
      restore(build('interpreter', options).machine, bytes);
    expect(other({ memoryBytes: 16 << 20 })).toThrow(
      'has 8192 KiB of memory, this machine 16384 KiB; expected --memory 8192K',
    );
    expect(other({ cpu: '486' })).toThrow(/^has another processor: /);
    expect(other({ apic: true })).toThrow(/^has no device lapic, which this machine has/);
    const with2 = save(build('interpreter', { debugExit: true }).machine);
    expect(refusal(with2)).toMatch(/^has a device "debug-exit", which this machine has not/);
    expect(refusal(bytes)).toBeUndefined();
  });

  it('a state of another shape', () => {
    const changed = (change: (state: Record<string, unknown>) => void) =>
      refusal(withHeader((header) => change(deviceOf(header, 'com1').state)));
    expect(changed((state) => (state['ier'] = '1'))).toBe(
      'does not fit this machine: com1.ier is not a number',
    );
    for (const odd of [0.5, 2 ** 60, { $: 'number', is: 'NaN' }, { $: 'number', is: '-Infinity' }])
      expect(changed((state) => (state['ier'] = odd))).toBe(
        'does not fit this machine: com1.ier is not an integer',
      );
    expect(changed((state) => (state['more'] = 1))).toMatch(/com1\.more is not known here/);
    expect(changed((state) => delete state['lcr'])).toMatch(/com1\.lcr is not in the file/);
    expect(changed((state) => (state['receive'] = [1]))).toMatch(/com1\.receive is not Uint8Array of 16/);
    expect(changed((state) => (state['count'] = { $: 'Uint8Array', at: 0, length: 1e300 }))).toMatch(
      /^is damaged/,
    );
  });
});

it('gives the host what it put in', () => {
  expect(new SavedMachine(fileOf(bytes), STATE_CODEC).host).toEqual({
    note: 'from the host',
    list: [1, Infinity, -0, null],
  });
});

describe('a fuzzer', () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 8,
  });
  const flipped = (changes: [number, number][], from: number): Uint8Array => {
    const file = bytes.slice();
    for (const [at, mask] of changes) {
      const place = from + (at % (file.length - from));
      file[place]! ^= mask;
    }
    return file;
  };

  it('of bytes finds every change', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(flips, fc.nat(), (changes, cut) => {
        const file = flipped(changes, 0);
        fc.pre(Buffer.compare(file, bytes) !== 0);
        expect(refusal(file)).toBeDefined();
        if (cut % 5 === 0) expect(refusal(file.subarray(0, cut % file.length))).toBeDefined();
      }),
      { numRuns: 80 },
    );
  });

  it('of contents under a right checksum finds a sentence or a machine', { timeout: 120_000 }, () => {
    const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
    fc.assert(
      fc.property(flips, fc.boolean(), (changes, inHeader) => {
        refusal(resealed(flipped(changes, inHeader ? bytes.length - TRAILER - header : 8)));
      }),
      { numRuns: 80 },
    );
  });

  it('of values finds a sentence or a machine', { timeout: 120_000 }, () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        [],
        {},
        -1,
        1e308,
        '',
        true,
        [[]],
        { $: 'x' },
        { $: 'number', is: 'NaN' },
      ),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.nat(), odd, (which, value) => {
        const file = withHeader((h) => {
          const places: [Record<string, unknown>, string][] = [];
          const visit = (at: unknown): void => {
            if (typeof at !== 'object' || at === null) return;
            for (const key of Object.keys(at)) {
              places.push([at as Record<string, unknown>, key]);
              visit((at as Record<string, unknown>)[key]);
            }
          };
          visit(h);
          const [object, key] = places[which % places.length]!;
          object[key] = value;
        });
        refusal(file);
      }),
      { numRuns: 60 },
    );
  });
});
