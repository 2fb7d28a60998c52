import { expect, it } from 'vitest';
import { DEFAULT_BOOT_ORDER, bootOrderCmos, isBootOrder } from '../../src/firmware/boot-order.js';

it('a boot order becomes nibbles in CMOS memory', () => {
  expect(bootOrderCmos(DEFAULT_BOOT_ORDER)).toEqual({ 0x3d: 0x12, 0x38: 0x30 });
  expect(bootOrderCmos('d')).toEqual({ 0x3d: 0x03, 0x38: 0x00 });
  expect(bootOrderCmos('nda')).toEqual({ 0x3d: 0x34, 0x38: 0x10 });
});

it('has at most three different letters', () => {
  expect(['a', 'cd', 'dna'].every(isBootOrder)).toBe(true);
  expect(['', 'x', 'cc', 'acdn', 'order=c', 'C'].some(isBootOrder)).toBe(false);
});
