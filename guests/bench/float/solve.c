/* Solves linear equations by elimination with pivoting: divisions, compares of magnitudes, row updates. */
#include "../bench.h"

#define N 32
static double m[N][N + 1], x[N];

static double magnitude(double v) { return v < 0 ? -v : v; }

static void prepare(u32 seed) {
  for (u32 i = 0; i < N; i++)
    for (u32 j = 0; j <= N; j++) m[i][j] = (s32)next_random(&seed) * 1e-6;
}

static void swap_rows(u32 i, u32 j) {
  for (u32 k = 0; k <= N; k++) {
    double t = m[i][k];
    m[i][k] = m[j][k];
    m[j][k] = t;
  }
}

static NOINLINE void eliminate(u32 k) {
  u32 best = k;
  for (u32 i = k + 1; i < N; i++)
    if (magnitude(m[i][k]) > magnitude(m[best][k])) best = i;
  if (best != k) swap_rows(best, k);
  for (u32 i = k + 1; i < N; i++) {
    double factor = m[i][k] / m[k][k];
    for (u32 j = k; j <= N; j++) m[i][j] -= factor * m[k][j];
  }
}

static NOINLINE void substitute(void) {
  for (u32 i = N; i--;) {
    double s = m[i][N];
    for (u32 j = i + 1; j < N; j++) s -= m[i][j] * x[j];
    x[i] = s / m[i][i];
  }
}

KERNEL(solve, PREFIX "solve") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) {
    prepare(i + 1);
    for (u32 k = 0; k < N; k++) eliminate(k);
    substitute();
    sum = mix_bytes(sum, x, sizeof x);
  }
  return sum;
}
