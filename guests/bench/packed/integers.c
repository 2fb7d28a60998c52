/* Packed integers: blending pixels, sums of differences, multiply-and-add, searching bytes, and a stream cipher's quarter rounds. */
#include "packed.h"

#define SIZE 1024 /* vectors */
static v16c a[SIZE], b[SIZE], c[SIZE];

static NOINLINE void blend(s16 weight) {
  v8s zero = {0}, w = zero + weight, rest = zero + (s16)(256 - weight);
  for (u32 i = 0; i < SIZE; i++) {
    v8s low = (v8s)__builtin_ia32_punpcklbw128(a[i], (v16c)zero) * w + (v8s)__builtin_ia32_punpcklbw128(b[i], (v16c)zero) * rest;
    v8s high = (v8s)__builtin_ia32_punpckhbw128(a[i], (v16c)zero) * w + (v8s)__builtin_ia32_punpckhbw128(b[i], (v16c)zero) * rest;
    c[i] = __builtin_ia32_packuswb128(__builtin_ia32_psrlwi128(low, 8), __builtin_ia32_psrlwi128(high, 8));
  }
}
KERNEL(pixels, "packed-pixels") {
  fill_random(a, sizeof a, 71);
  fill_random(b, sizeof b, 72);
  for (u32 i = 0; i < rounds; i++) {
    blend(i & 255);
    a[i & (SIZE - 1)] = c[(i * 7) & (SIZE - 1)];
  }
  return mix_bytes(0, c, sizeof c);
}

static NOINLINE v2q differences(void) {
  v2q s = {0, 0};
  for (u32 i = 0; i < SIZE; i++) s += __builtin_ia32_psadbw128(a[i], b[i]);
  return s;
}
static NOINLINE v4i products(void) {
  v4i s = {0};
  for (u32 i = 0; i < SIZE; i++) s += __builtin_ia32_pmaddwd128((v8s)a[i], (v8s)b[i]);
  return s;
}
static NOINLINE u32 count(char wanted) {
  v16c w = (v16c){0} + wanted;
  u32 found = 0;
  for (u32 i = 0; i < SIZE; i++) {
    u32 mask = __builtin_ia32_pmovmskb128((v16c)(a[i] == w));
    while (mask) mask &= mask - 1, found++;
  }
  return found;
}
KERNEL(sums, "packed-sums") {
  u32 sum = 0;
  fill_random(a, sizeof a, 73);
  fill_random(b, sizeof b, 74);
  for (u32 i = 0; i < rounds; i++) {
    v2q d = differences();
    v4i p = products();
    sum = mix_bytes(mix_bytes(mix(sum, count(i)), &d, 16), &p, 16);
    a[i & (SIZE - 1)] ^= b[(i * 3) & (SIZE - 1)];
  }
  return sum;
}

static inline v4u rotate(v4u x, u32 n) { return x << n | x >> (32 - n); }
static inline void quarter(v4u *x) {
  x[0] += x[1], x[3] = rotate(x[3] ^ x[0], 16);
  x[2] += x[3], x[1] = rotate(x[1] ^ x[2], 12);
  x[0] += x[1], x[3] = rotate(x[3] ^ x[0], 8);
  x[2] += x[3], x[1] = rotate(x[1] ^ x[2], 7);
}
static NOINLINE void block(v4u *state) {
  v4u x[4] = {state[0], state[1], state[2], state[3]};
  for (u32 i = 0; i < 10; i++) {
    quarter(x);
    x[1] = __builtin_shuffle(x[1], (v4i){1, 2, 3, 0});
    x[2] = __builtin_shuffle(x[2], (v4i){2, 3, 0, 1});
    x[3] = __builtin_shuffle(x[3], (v4i){3, 0, 1, 2});
    quarter(x);
    x[1] = __builtin_shuffle(x[1], (v4i){3, 0, 1, 2});
    x[2] = __builtin_shuffle(x[2], (v4i){2, 3, 0, 1});
    x[3] = __builtin_shuffle(x[3], (v4i){1, 2, 3, 0});
  }
  for (u32 i = 0; i < 4; i++) state[i] += x[i];
}
KERNEL(cipher, "packed-cipher") {
  static v4u state[4];
  fill_random(state, sizeof state, 75);
  for (u32 i = 0; i < rounds * 10; i++) block(state);
  return mix_bytes(0, state, sizeof state);
}
