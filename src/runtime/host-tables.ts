/** Large tables that live as long as the processor, out of sight of the host's garbage collector. */

/**
 * A zeroed Int32Array of `length`. V8 counts the bytes of ArrayBuffers and collects garbage for every 64 MB of them, at start-up for nothing;
 * it does not count shared buffers, which are as fast.
 */
export function hostTable(length: number): Int32Array {
  // Browsers have shared buffers only in isolated pages.
  if (typeof SharedArrayBuffer === 'undefined') return new Int32Array(length);
  return new Int32Array(new SharedArrayBuffer(4 * length));
}
