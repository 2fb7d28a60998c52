/* Branches that depend on data: lengths of Collatz sequences, and a small state machine over random input. */
#include "../bench.h"

static NOINLINE u32 collatz(u32 n) {
  u32 steps = 0;
  while (n != 1 && steps < 400) {
    n = n & 1 ? 3 * n + 1 : n >> 1;
    steps++;
  }
  return steps;
}

static NOINLINE u32 words(u32 seed, u32 count) {
  u32 state = 0, found = 0;
  while (count--) {
    u32 c = next_random(&seed) >> 24;
    if (state == 0) {
      if (c > 200) state = 1;
    } else if (c < 40) {
      state = 0;
      found++;
    } else if (state < 5) {
      if (c & 1) state++;
      else if (c & 2) state--;
    } else {
      found += 3;
      state = c > 128 ? 2 : 0;
    }
  }
  return found;
}

KERNEL(branches, "branches") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) {
    for (u32 n = 1; n < 64; n++) sum = mix(sum, collatz(n + i * 7));
    sum = mix(sum, words(i + 1, 5000));
  }
  return sum;
}
