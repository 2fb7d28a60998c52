/* 80-bit precision, which only the x87 has: sums with a running compensation, products, roots, and loads and stores of ten bytes. */
#include "../bench.h"

#define SIZE 128
static long double values[SIZE];

static NOINLINE long double compensated_sum(void) {
  long double sum = 0, lost = 0;
  for (u32 i = 0; i < SIZE; i++) {
    long double y = values[i] - lost, t = sum + y;
    lost = (t - sum) - y;
    sum = t;
  }
  return sum;
}

static NOINLINE void relax(void) {
  for (u32 i = 1; i < SIZE - 1; i++) values[i] = (values[i - 1] + values[i + 1]) * 0.5L + values[i] / 3.0L;
  for (u32 i = 0; i < SIZE; i++) {
    if (values[i] < 0.0L) values[i] = -values[i];
    if (values[i] > 1.0L) values[i] = __builtin_sqrtl(values[i]);
  }
}

KERNEL(extended, PREFIX "extended") {
  u32 seed = 43, sum = 0;
  for (u32 i = 0; i < SIZE; i++) values[i] = (s32)next_random(&seed) * 1e-9L;
  for (u32 i = 0; i < rounds; i++) {
    long double total = compensated_sum();
    sum = mix_bytes(sum, &total, 10);
    relax();
    values[i % SIZE] = (s32)next_random(&seed) * 1e-9L;
  }
  return sum;
}
