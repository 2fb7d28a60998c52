/* Work on single bytes: a sieve, upper case, a histogram. */
#include "../bench.h"

#define SIZE 16384
static u8 flags[SIZE], text[SIZE];
static u32 histogram[256];

static NOINLINE u32 sieve(void) {
  u32 primes = 0;
  for (u32 i = 0; i < SIZE; i++) flags[i] = 1;
  for (u32 i = 2; i < SIZE; i++) {
    if (!flags[i]) continue;
    primes++;
    for (u32 j = 2 * i; j < SIZE; j += i) flags[j] = 0;
  }
  return primes;
}

static NOINLINE void change_case(u8 bit) {
  for (u32 i = 0; i < SIZE; i++) {
    u8 lower = text[i] | 0x20;
    if (lower >= 'a' && lower <= 'z') text[i] = (text[i] & ~0x20) | bit;
  }
}

static NOINLINE void count(void) {
  for (u32 i = 0; i < SIZE; i++) histogram[text[i]]++;
}

KERNEL(bytes, "bytes") {
  u32 sum = 0;
  fill_random(text, SIZE, 77);
  for (u32 i = 0; i < 256; i++) histogram[i] = 0;
  for (u32 i = 0; i < rounds; i++) {
    sum = mix(sum, sieve());
    change_case(i & 1 ? 0x20 : 0);
    count();
  }
  return mix_bytes(sum, histogram, sizeof histogram);
}
