/* Products of 2048-bit numbers, schoolbook, by MUL and ADC chains; sums and differences by 64-bit arithmetic. */
#include "../bench.h"

#define WORDS 64
static u32 a[WORDS], b[WORDS], product[2 * WORDS];

static NOINLINE u32 multiply_add(u32 *to, const u32 *from, u32 factor) {
  u32 carry = 0;
  for (u32 i = 0; i < WORDS; i++) {
    u64 t = (u64)from[i] * factor + to[i] + carry;
    to[i] = t;
    carry = t >> 32;
  }
  return carry;
}

static NOINLINE void multiply(void) {
  for (u32 i = 0; i < 2 * WORDS; i++) product[i] = 0;
  for (u32 i = 0; i < WORDS; i++) product[i + WORDS] = multiply_add(product + i, a, b[i]);
}

KERNEL(bignum, "bignum") {
  fill_random(a, sizeof a, 31);
  fill_random(b, sizeof b, 32);
  for (u32 i = 0; i < rounds; i++) {
    multiply();
    for (u32 k = 0; k < WORDS; k++) a[k] = product[k] ^ product[k + WORDS];
    b[i % WORDS] += i;
  }
  return mix_bytes(0, product, sizeof product);
}

KERNEL(wide, "wide") {
  u64 x = 1, y = 2, z = 3;
  for (u32 i = 0; i < rounds * 1000; i++) {
    x += y ^ z << 13;
    y -= x >> 7;
    z = z * 6364136223846793005ull + i;
    if (x < y) z ^= x;
  }
  return mix_bytes(mix_bytes(mix_bytes(0, &x, 8), &y, 8), &z, 8);
}
