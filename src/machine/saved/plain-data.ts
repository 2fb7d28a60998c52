/**
 * Plain data (numbers, bigints, booleans, strings, null, arrays, objects, typed arrays) as JSON, with the typed arrays' bytes in a stream beside it.
 * What JSON has no form for is an object with the member `$`: its kind, and what belongs to it.
 */
import { SavedStateError } from './saved-state-error.js';

const TYPED_ARRAYS = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
} as const;
type TypedArray = InstanceType<(typeof TYPED_ARRAYS)[keyof typeof TYPED_ARRAYS]>;

/** Deeper than any state. */
const DEEPEST = 32;

/** Takes bytes; the offset in the stream at which they will be found. */
export type PutBytes = (bytes: Uint8Array) => number;
/** Bytes of the stream, a copy of their own. Throws SavedStateError when there are fewer. */
export type GetBytes = (at: number, length: number) => Uint8Array;

function kindOf(value: object): keyof typeof TYPED_ARRAYS | undefined {
  const { name } = value.constructor as { name: string };
  return Object.hasOwn(TYPED_ARRAYS, name) ? (name as keyof typeof TYPED_ARRAYS) : undefined;
}

export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && kindOf(value) !== undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function encodeNumber(value: number): unknown {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : { $: 'number', is: Object.is(value, -0) ? '-0' : String(value) };
}

function encodeObject(value: object, put: PutBytes, where: string): unknown {
  if (isTypedArray(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { $: kindOf(value), at: put(bytes), length: value.length };
  }
  if (Array.isArray(value)) return value.map((item, i) => encode(item, put, `${where}[${i}]`));
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || Object.hasOwn(value, '$'))
    throw new TypeError(`${where} is no plain data`);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, encode(item, put, `${where}.${key}`)]),
  );
}

/** A value that JSON can hold. Throws TypeError, naming `where`, for what is no plain data: that is a bug of whoever keeps it as state. */
export function encode(value: unknown, put: PutBytes, where = 'state'): unknown {
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value === 'bigint') return { $: 'bigint', is: String(value) };
  if (typeof value === 'boolean' || typeof value === 'string' || value === null) return value;
  if (typeof value === 'object') return encodeObject(value, put, where);
  throw new TypeError(`${where} is no plain data`);
}

const damaged = (what: string): SavedStateError => new SavedStateError(`is damaged: ${what}`);

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function decodeTagged(value: Record<string, unknown>, get: GetBytes): unknown {
  const { $: kind, is, at, length } = value;
  if (kind === 'number' && ['-0', 'NaN', 'Infinity', '-Infinity'].includes(is as string)) return Number(is);
  if (kind === 'bigint' && typeof is === 'string' && /^-?\d{1,40}$/.test(is)) return BigInt(is);
  if (typeof kind !== 'string' || !Object.hasOwn(TYPED_ARRAYS, kind) || !isSize(at) || !isSize(length))
    throw damaged('a value of an unknown kind');
  const type = TYPED_ARRAYS[kind as keyof typeof TYPED_ARRAYS];
  const bytes = get(at, length * type.BYTES_PER_ELEMENT);
  return new type(bytes.buffer as ArrayBuffer, bytes.byteOffset, length);
}

/** What `encode` was given. Throws SavedStateError for what it cannot have made. */
export function decode(value: unknown, get: GetBytes, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST) throw damaged('its data are nested too deeply');
  if (Array.isArray(value)) return value.map((item) => decode(item, get, depth + 1));
  if (Object.hasOwn(value, '$')) return decodeTagged(value as Record<string, unknown>, get);
  if (Object.hasOwn(value, '__proto__')) throw damaged('an impossible name');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item, get, depth + 1)]));
}
