/**
 * Whether a result that JavaScript rounded is inexact: the error-free transforms of T. J. Dekker (1971) and D. E. Knuth. For finite operands
 * that are zero or normal and results that are zero (exactly) or normal; each says what makes its arithmetic exact.
 */

/** Knuth's TwoSum: the error of a + b is a double and is computed exactly, if nothing overflows; one of the terms is scaled down first if it could. */
export function addInexact(a: number, b: number, sum: number): boolean {
  if (Math.abs(sum) > 2 ** 1020) return addInexact(a * 0.25, b * 0.25, sum * 0.25);
  const part = sum - a;
  return a - (sum - part) + (b - part) !== 0;
}

/** Brings a normal number near 1 by a power of two, which changes no digit. */
function moderate(x: number): number {
  const size = Math.abs(x);
  if (size > 2 ** 400) return x * 2 ** -600;
  return size < 2 ** -400 ? x * 2 ** 600 : x;
}

/** Dekker's product: halves of 26 bits have exact products, so the error of a × b is computed exactly. */
function productError(a: number, b: number, product: number): number {
  const ca = 134217729 * a, cb = 134217729 * b; // prettier-ignore
  const ah = ca - (ca - a), bh = cb - (cb - b); // prettier-ignore
  const al = a - ah, bl = b - bh; // prettier-ignore
  return al * bl - (product - ah * bh - al * bh - ah * bl);
}

/** Operands far from 1 are scaled: then the product is another, but exact in the same cases. */
export function mulInexact(a: number, b: number, _product: number): boolean {
  const x = twice(a), y = twice(b); // prettier-ignore
  return productError(x, y, x * y) !== 0;
}
/** `moderate` leaves up to 2^600 of size; two steps reach 2^±400 from anywhere. */
const twice = (x: number): number => moderate(moderate(x));

/** a / b is exact if quotient × b is a: the product is compared with its error. */
export function divInexact(a: number, b: number, _quotient: number): boolean {
  if (a === 0) return false;
  const x = twice(a), y = twice(b); // prettier-ignore
  const quotient = x / y;
  const product = quotient * y;
  return product !== x || productError(quotient, y, product) !== 0;
}

/** √a is exact if its square is a. An even power of two is taken off. */
export function sqrtInexact(a: number, _root: number): boolean {
  if (a === 0 || a === Infinity) return false;
  const x = a > 2 ** 400 ? a * 2 ** -600 : a < 2 ** -400 ? a * 2 ** 600 : a;
  const root = Math.sqrt(x);
  const square = root * root;
  return square !== x || productError(root, root, square) !== 0;
}

/** Singles: a + b in doubles may round already. (The product of two singles is exact as a double: compare with its rounding.) */
export function singleAddInexact(a: number, b: number, sum: number): boolean {
  const wide = a + b;
  return wide !== sum || addInexact(a, b, wide);
}
/** quotient × b has at most 48 bits. */
export function singleDivInexact(a: number, b: number, quotient: number): boolean {
  return a !== 0 && quotient * b !== a;
}
export function singleSqrtInexact(a: number, root: number): boolean {
  return root * root !== a && a !== Infinity;
}
