/* Conversions between integers, single and double precision. */
#include "../bench.h"

#define SIZE 512
static s32 whole[SIZE];
static float single[SIZE];
static double twice[SIZE];

static NOINLINE void to_floats(double scale) {
  for (u32 i = 0; i < SIZE; i++) {
    twice[i] = whole[i] * scale;
    single[i] = (float)twice[i] + (float)(s16)whole[i];
  }
}
static NOINLINE u32 to_integers(void) {
  u32 sum = 0;
  for (u32 i = 0; i < SIZE; i++) {
    s32 a = (s32)twice[i], b = (s32)single[i];
    sum += a ^ b;
    whole[i] += a - b;
  }
  return sum;
}

KERNEL(convert, PREFIX "convert") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) {
    if (i % 16 == 0) fill_random(whole, sizeof whole, i + 1);
    to_floats(0.37);
    for (u32 k = 0; k < SIZE; k++) whole[k] >>= 1;
    sum = mix(sum, to_integers());
  }
  return mix_bytes(sum, single, sizeof single);
}
