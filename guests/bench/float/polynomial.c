/* Horner's rule and Newton's iteration: everything in registers. */
#include "../bench.h"

static NOINLINE double horner(double x) {
  static const double factor[] = {1.0 / 5040, -1.0 / 720, 1.0 / 120, -1.0 / 24, 1.0 / 6, -0.5, 1, 1};
  double y = 0;
  for (u32 i = 0; i < COUNT(factor); i++) y = y * x + factor[i];
  return y;
}

static NOINLINE double cube_root(double x) {
  double r = x > 1 ? x / 3 : x;
  for (u32 i = 0; i < 12; i++) r -= (r - x / (r * r)) / 3;
  return r;
}

KERNEL(polynomial, PREFIX "polynomial") {
  double sum = 0;
  for (u32 i = 0; i < rounds * 10; i++) {
    double x = 0.001 * (i & 1023) + 0.1;
    sum = sum * 0.75 + horner(x) - horner(-x) + cube_root(x + sum * 1e-3);
  }
  return mix_bytes(0, &sum, sizeof sum);
}
