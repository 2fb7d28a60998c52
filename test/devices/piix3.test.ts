import { beforeEach, expect, it } from 'vitest';
import { Piix3 } from '../../src/devices/piix3.js';
import { RecordedWire } from '../hv/fakes.js';

let isa: RecordedWire[];
let pins: RecordedWire[];
let bridge: Piix3;
const route = (link: number, value: number): void => {
  bridge.pci.write(0x60 + link, value);
  bridge.pci.written!(0x60 + link, 0x60 + link);
};
const high = (wires: RecordedWire[]): number[] => wires.flatMap((wire, i) => (wire.level ? [i] : []));

beforeEach(() => {
  isa = Array.from({ length: 16 }, () => new RecordedWire());
  pins = Array.from({ length: 32 }, () => new RecordedWire());
  bridge = new Piix3({ isa: isa.map((w) => w.set), pins: pins.map((w) => w.set) });
});

it('routes INTA# of slot 1 to PIRQA and goes round from there', () => {
  [5, 9, 10, 11].forEach((irq, link) => route(link, irq));
  const seen = [
    [1, 1],
    [1, 4],
    [2, 1],
    [3, 2],
    [4, 1],
    [5, 1],
  ].map(([slot, pin]) => {
    const wire = bridge.interrupt(slot!, 0, pin!);
    wire(true);
    const result = [high(isa), high(pins)];
    wire(false);
    return result;
  });
  expect(seen).toEqual([
    [[5], [4]],
    [[11], [7]],
    [[9], [8]],
    [[11], [13]],
    [[11], [16]],
    [[5], [20]],
  ]);
  expect([high(isa), high(pins)]).toEqual([[], []]);
});

it('holds a shared line until the last source lets go', () => {
  route(1, 10);
  const first = bridge.interrupt(2, 0, 1);
  const second = bridge.interrupt(6, 1, 1);
  first(true);
  second(true);
  first(false);
  expect([high(isa), isa[10]!.rises]).toEqual([[10], 1]);
  second(false);
  expect(high(isa)).toEqual([]);
});

it('moves an asserted interrupt when the guest routes it elsewhere, and drops it when routing is off or reserved', () => {
  route(1, 10);
  bridge.interrupt(2, 0, 1)(true);
  route(1, 5);
  expect(high(isa)).toEqual([5]);
  route(1, 0x80);
  expect(high(isa)).toEqual([]);
  for (const reserved of [0, 1, 2, 8, 13]) {
    route(1, reserved);
    expect(high(isa)).toEqual([]);
  }
  expect(high(pins)).toEqual([8]);
});
