/* Packed single precision: points by 4 x 4 matrices, and lengths by square roots. */
#include "packed.h"

#define POINTS 512
static v4f points[POINTS], column[4];

static NOINLINE void transform(void) {
  for (u32 i = 0; i < POINTS; i++) {
    v4f p = points[i];
    points[i] = __builtin_shuffle(p, (v4i){0, 0, 0, 0}) * column[0] + __builtin_shuffle(p, (v4i){1, 1, 1, 1}) * column[1] +
                __builtin_shuffle(p, (v4i){2, 2, 2, 2}) * column[2] + __builtin_shuffle(p, (v4i){3, 3, 3, 3}) * column[3];
  }
}
static NOINLINE void normalise(void) {
  for (u32 i = 0; i < POINTS; i++) {
    v4f square = points[i] * points[i];
    v4f pairs = square + __builtin_shuffle(square, (v4i){2, 3, 0, 1});
    v4f all = pairs + __builtin_shuffle(pairs, (v4i){1, 0, 3, 2});
    points[i] /= __builtin_ia32_sqrtps(all) + 0.001f;
  }
}

KERNEL(floats, "packed-floats") {
  u32 seed = 61;
  for (u32 i = 0; i < POINTS; i++)
    for (u32 k = 0; k < 4; k++) points[i][k] = (s32)next_random(&seed) * 4e-10f;
  for (u32 i = 0; i < 4; i++)
    for (u32 k = 0; k < 4; k++) column[i][k] = (s32)next_random(&seed) * 4e-10f;
  for (u32 i = 0; i < rounds; i++) {
    transform();
    normalise();
  }
  return mix_bytes(0, points, sizeof points);
}
