/* Fast Fourier transform of 256 complex numbers, forth and back; the twiddle factors come from half-angle formulas. */
#include "../bench.h"

#define N 256
static double re[N], im[N], cosine[N / 2], sine[N / 2];

static void make_factors(void) {
  double c = -1, s = 0; /* half a turn, then half of that, ... */
  cosine[0] = 1, sine[0] = 0;
  for (u32 step = N / 2; step > 1;) {
    double half = __builtin_sqrt((1 + c) / 2);
    s = step == N / 2 ? 1 : s / (2 * half);
    c = half;
    step >>= 1;
    for (u32 k = step; k < N / 2; k += 2 * step) {
      cosine[k] = cosine[k - step] * c - sine[k - step] * s;
      sine[k] = sine[k - step] * c + cosine[k - step] * s;
    }
  }
}

static void reorder(void) {
  for (u32 i = 0, j = 0; i < N; i++) {
    if (i < j) {
      double t = re[i];
      re[i] = re[j], re[j] = t;
      t = im[i], im[i] = im[j], im[j] = t;
    }
    u32 bit = N / 2;
    while (j & bit) j ^= bit, bit >>= 1;
    j |= bit;
  }
}

static NOINLINE void transform(double sign) {
  reorder();
  for (u32 half = 1; half < N; half *= 2)
    for (u32 start = 0; start < N; start += 2 * half)
      for (u32 k = 0; k < half; k++) {
        u32 a = start + k, b = a + half, w = k * (N / 2 / half);
        double c = cosine[w], s = sign * sine[w];
        double x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
        re[b] = re[a] - x, im[b] = im[a] - y;
        re[a] += x, im[a] += y;
      }
}

KERNEL(fourier, PREFIX "fourier") {
  u32 seed = 29;
  make_factors();
  for (u32 i = 0; i < N; i++) re[i] = (s32)next_random(&seed) * 1e-9, im[i] = 0;
  for (u32 i = 0; i < rounds; i++) {
    transform(1);
    transform(-1);
    for (u32 k = 0; k < N; k++) re[k] *= 1.0 / N, im[k] *= 1.0 / N;
  }
  return mix_bytes(mix_bytes(0, re, sizeof re), im, sizeof im);
}
