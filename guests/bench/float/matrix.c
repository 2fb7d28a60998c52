/* Product of matrices in double precision. */
#include "../bench.h"

#define N 48
static double a[N][N], b[N][N], c[N][N];

static NOINLINE void multiply(void) {
  for (u32 i = 0; i < N; i++)
    for (u32 j = 0; j < N; j++) {
      double s = 0;
      for (u32 k = 0; k < N; k++) s += a[i][k] * b[k][j];
      c[i][j] = s;
    }
}

KERNEL(matrix, PREFIX "matrix") {
  u32 seed = 23;
  for (u32 i = 0; i < N; i++)
    for (u32 j = 0; j < N; j++) {
      a[i][j] = (s32)next_random(&seed) * 1e-9;
      b[i][j] = (s32)next_random(&seed) * 1e-9;
    }
  for (u32 i = 0; i < rounds; i++) {
    multiply();
    a[i % N][i / N % N] = c[i / N % N][i % N] * 0.125;
  }
  return mix_bytes(0, c, sizeof c);
}
