/**
 * Puts saved plain data into the state that a chip works on. Objects and typed arrays keep their identity, because chips hold references to them;
 * the state of the fresh chip says what shape is expected.
 */
import { isRecord, isTypedArray } from './plain-data.js';
import { SavedStateError } from './saved-state-error.js';

/** Longer than any queue of a chip. */
const LONGEST_QUEUE = 1 << 20;

const misfit = (where: string, expected: string): SavedStateError =>
  new SavedStateError(`does not fit this machine: ${where} is not ${expected}`);

/** Registers and times are integers, a time that never comes is Infinity; anything else would make comparisons of deadlines lie. */
const isCountable = (value: number): boolean => Number.isSafeInteger(value) || value === Infinity;

/** Gives `target` the contents of `saved`. Throws SavedStateError, naming the member, where the shapes differ; `target` may then be half-way. */
export function adopt(target: object, saved: unknown, where: string): void {
  if (isTypedArray(target)) adoptBytes(target, saved, where);
  else if (Array.isArray(target)) adoptArray(target, saved, where);
  else adoptRecord(target as Record<string, unknown>, saved, where);
}

function adoptBytes(target: object, saved: unknown, where: string): void {
  const own = target as Uint8Array;
  if (!isTypedArray(saved) || saved.constructor !== own.constructor || saved.length !== own.length)
    throw misfit(where, `${own.constructor.name} of ${own.length}`);
  own.set(saved as Uint8Array);
}

function adoptRecord(target: Record<string, unknown>, saved: unknown, where: string): void {
  if (!isRecord(saved)) throw misfit(where, 'an object');
  for (const key of Object.keys(saved))
    if (!Object.hasOwn(target, key)) throw misfit(`${where}.${key}`, 'known here');
  for (const key of Object.keys(target)) {
    if (!Object.hasOwn(saved, key)) throw misfit(`${where}.${key}`, 'in the file');
    target[key] = adopted(target[key], saved[key], `${where}.${key}`);
  }
}

/** Arrays are rows of fixed length whose members the chip holds, or queues of anything. */
function adoptArray(target: unknown[], saved: unknown, where: string): void {
  if (!Array.isArray(saved) || saved.length > LONGEST_QUEUE) throw misfit(where, 'an array');
  const items: readonly unknown[] = saved;
  const isRow = target.length > 0 && typeof target[0] !== 'number';
  if (isRow && target.length !== items.length) throw misfit(where, `an array of ${target.length}`);
  const next = items.map((item, i) =>
    i < target.length ? adopted(target[i], item, `${where}[${i}]`) : copied(item, `${where}[${i}]`),
  );
  target.length = 0;
  for (const item of next) target.push(item);
}

function adopted(own: unknown, saved: unknown, where: string): unknown {
  if (typeof own === 'object' && own !== null) {
    adopt(own, saved, where);
    return own;
  }
  if (typeof own !== typeof saved || (own === null) !== (saved === null))
    throw misfit(where, own === null ? 'empty' : `a ${typeof own}`);
  if (typeof saved === 'number' && !isCountable(saved)) throw misfit(where, 'an integer');
  return saved;
}

/** A member of a queue. */
function copied(saved: unknown, where: string): unknown {
  if (saved === null || typeof saved === 'undefined') throw misfit(where, 'a value');
  return saved;
}
