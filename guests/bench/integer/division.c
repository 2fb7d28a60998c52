/* Division: greatest common divisors, decimal digits, and 64 by 32 bits as big-number division does it. */
#include "../bench.h"

static NOINLINE u32 gcd(u32 a, u32 b) {
  while (b) {
    u32 t = a % b;
    a = b;
    b = t;
  }
  return a;
}

static NOINLINE u32 digits(s32 value, s32 base) {
  u32 sum = 0;
  while (value) {
    sum = sum * 3 + value % base;
    value /= base;
  }
  return sum;
}

static inline u32 divide_wide(u32 high, u32 low, u32 by, u32 *rest) {
  u32 quotient;
  __asm__("divl %4" : "=a"(quotient), "=d"(*rest) : "0"(low), "1"(high), "rm"(by) : "cc");
  return quotient;
}

KERNEL(division, "division") {
  u32 sum = 0, seed = 4, rest = 0;
  for (u32 i = 0; i < rounds * 10; i++) {
    u32 x = next_random(&seed), y = next_random(&seed) | 1u << 31;
    sum = mix(sum, gcd(x, y >> 8));
    sum = mix(sum, digits(x, 10 + (i & 7)));
    for (u32 k = 0; k < 8; k++) sum ^= divide_wide(rest % y, x + k, y, &rest);
  }
  return sum;
}
