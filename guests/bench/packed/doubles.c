/* Packed double precision: vector sums and products, and two Mandelbrot points at a time. */
#include "packed.h"

#define SIZE 512
static v2d x[SIZE], y[SIZE];

static NOINLINE void add_scaled(double scale) {
  v2d a = {scale, -scale};
  for (u32 i = 0; i < SIZE; i++) y[i] += a * x[i];
}
static NOINLINE v2d dot(void) {
  v2d s = {0, 0};
  for (u32 i = 0; i < SIZE; i++) s += x[i] * y[i];
  return s;
}
static NOINLINE void scale_back(void) {
  for (u32 i = 0; i < SIZE; i++) y[i] = y[i] / (x[i] * x[i] + 1.5);
}

KERNEL(doubles, "packed-doubles") {
  u32 seed = 51;
  v2d total = {0, 0};
  for (u32 i = 0; i < SIZE; i++)
    for (u32 k = 0; k < 2; k++) x[i][k] = (s32)next_random(&seed) * 1e-9, y[i][k] = (s32)next_random(&seed) * 1e-9;
  for (u32 i = 0; i < rounds; i++) {
    add_scaled(0.01 * (i & 15));
    total = total * 0.5 + dot();
    if ((i & 7) == 0) scale_back();
  }
  return mix_bytes(mix_bytes(0, y, sizeof y), &total, sizeof total);
}

static NOINLINE u32 escape(v2d cx, v2d cy) {
  v2d x = {0, 0}, y = {0, 0};
  u32 n = 0;
  for (u32 step = 0; step < 64; step++) {
    v2d xx = x * x, yy = y * y;
    u32 inside = __builtin_ia32_movmskpd((v2d)(xx + yy < 4.0));
    if (!inside) break;
    n += (inside & 1) + (inside >> 1);
    y = 2 * x * y + cy;
    x = xx - yy + cx;
  }
  return n;
}

KERNEL(mandelbrot2, "packed-mandelbrot") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++)
    for (u32 k = 0; k < 64; k++) {
      v2d cx = {-2.0 + (i & 63) * 0.04, -1.98 + (i & 63) * 0.04}, cy = {-1.2 + k * 0.04, -1.2 + k * 0.04};
      sum = mix(sum, escape(cx, cy));
    }
  return sum;
}
