/* An adaptive binary range coder: long chains of dependent shifts, multiplies and unpredictable branches. */
#include "../bench.h"

#define SIZE 4096
static u8 plain[SIZE], coded[2 * SIZE];
static u16 odds[256]; /* probability of a 0 in 1/2048, by the bits above in the same byte */

static u32 low, range, at;
static void reset(void) {
  for (u32 i = 0; i < 256; i++) odds[i] = 1024;
  low = 0, range = ~0u, at = 0;
}

/* Carry-less: the range is cut short where a carry could pass. */
static NOINLINE void shift_out(void) {
  while ((low ^ (low + range)) < 1u << 24 || range < 1u << 13) {
    if ((low ^ (low + range)) >= 1u << 24) range = -low & ((1u << 13) - 1);
    coded[at++] = low >> 24;
    low <<= 8, range <<= 8;
  }
}

static NOINLINE void encode(void) {
  reset();
  for (u32 i = 0; i < SIZE; i++)
    for (u32 node = 1, bit = 8; bit--;) {
      u32 split = (range >> 11) * odds[node], one = plain[i] >> bit & 1;
      if (one) low += split, range -= split, odds[node] -= odds[node] >> 5;
      else range = split, odds[node] += (2048 - odds[node]) >> 5;
      node = node << 1 | one;
      shift_out();
    }
  for (u32 i = 0; i < 4; i++) coded[at++] = low >> 24, low <<= 8;
}

static NOINLINE u32 decode(void) {
  u32 code = 0, sum = 0;
  reset();
  while (at < 4) code = code << 8 | coded[at++];
  for (u32 i = 0; i < SIZE; i++) {
    u32 node = 1;
    while (node < 256) {
      u32 split = (range >> 11) * odds[node];
      if (code - low < split) {
        range = split, odds[node] += (2048 - odds[node]) >> 5;
        node <<= 1;
      } else {
        low += split, range -= split, odds[node] -= odds[node] >> 5;
        node = node << 1 | 1;
      }
      while ((low ^ (low + range)) < 1u << 24 || range < 1u << 13) {
        if ((low ^ (low + range)) >= 1u << 24) range = -low & ((1u << 13) - 1);
        code = code << 8 | coded[at++];
        low <<= 8, range <<= 8;
      }
    }
    sum = mix(sum, node ^ plain[i]);
  }
  return sum;
}

KERNEL(range_coder, "range-coder") {
  u32 sum = 0, seed = 6;
  for (u32 i = 0; i < SIZE; i++) plain[i] = 'a' + (next_random(&seed) & next_random(&seed) & 15);
  for (u32 i = 0; i < rounds; i++) {
    encode();
    sum = mix(mix(sum, at), decode());
    plain[i & (SIZE - 1)] ^= 1;
  }
  return sum;
}
