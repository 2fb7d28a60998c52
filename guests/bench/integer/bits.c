/* Single bits: population count, bit reversal, first set bit, bit sets in memory, double shifts. */
#include "../bench.h"

static u32 set[1024];

static u32 population(u32 x) {
  x -= x >> 1 & 0x55555555;
  x = (x & 0x33333333) + (x >> 2 & 0x33333333);
  return ((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

static NOINLINE u32 reverse(u32 x) {
  u32 y = 0;
  for (u32 i = 0; i < 32; i++, x >>= 1) y = y << 1 | (x & 1);
  return y;
}

KERNEL(bits, "bits") {
  u32 sum = 0, seed = 8;
  for (u32 i = 0; i < COUNT(set); i++) set[i] = 0;
  for (u32 i = 0; i < rounds * 10; i++) {
    u32 x = next_random(&seed);
    set[x >> 5 & 1023] ^= 1u << (x & 31);
    sum = mix(sum, population(set[x >> 20 & 1023]) + reverse(x));
    for (u32 rest = x; rest; rest &= rest - 1) sum += __builtin_ctz(rest);
    sum ^= (u32)(((u64)x << 32 | sum) >> (x & 31));
  }
  return mix_bytes(sum, set, sizeof set);
}
