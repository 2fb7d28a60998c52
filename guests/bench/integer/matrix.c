/* Product of integer matrices: an inner loop of two strided loads, a multiply and an add. */
#include "../bench.h"

#define N 64
static s32 a[N][N], b[N][N], c[N][N];

static NOINLINE void multiply(void) {
  for (u32 i = 0; i < N; i++)
    for (u32 j = 0; j < N; j++) {
      s32 s = 0;
      for (u32 k = 0; k < N; k++) s += a[i][k] * b[k][j];
      c[i][j] = s;
    }
}

KERNEL(matrix, "matrix") {
  fill_random(a, sizeof a, 1);
  fill_random(b, sizeof b, 2);
  for (u32 i = 0; i < rounds; i++) {
    multiply();
    a[i % N][i / N % N] += c[i / N % N][i % N];
  }
  return mix_bytes(0, c, sizeof c);
}
