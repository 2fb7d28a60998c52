/* Adds, shifts, rotates and multiplies in registers: no memory, no branches but the loop. */
#include "../bench.h"

KERNEL(arithmetic, "arithmetic") {
  u32 a = 1, b = 2, c = 3, sum = 0;
  for (u32 i = 0; i < rounds * 1000; i++) {
    a += b ^ (c >> 3);
    b = (b << 7 | b >> 25) - i;
    c = c * 0x01000193 + (a & b);
    sum ^= a + (c >> 16);
  }
  return mix(sum, a ^ b ^ c);
}
