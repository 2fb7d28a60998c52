/* Escape times of z^2 + c: a latency-bound chain of multiplies and adds with a compare per step. */
#include "../bench.h"

static NOINLINE u32 escape(double cx, double cy) {
  double x = 0, y = 0;
  for (u32 n = 0; n < 100; n++) {
    double xx = x * x, yy = y * y;
    if (xx + yy > 4.0) return n;
    y = 2 * x * y + cy;
    x = xx - yy + cx;
  }
  return 100;
}

KERNEL(mandelbrot, PREFIX "mandelbrot") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++)
    for (u32 k = 0; k < 64; k++) sum = mix(sum, escape(-2.0 + (i & 63) * 0.04, -1.2 + k * 0.04));
  return sum;
}
