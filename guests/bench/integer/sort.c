/* Quicksort of random numbers: recursion, compare-and-branch, swaps in memory. */
#include "../bench.h"

#define SIZE 4096
static s32 numbers[SIZE];

static NOINLINE void quicksort(s32 *a, s32 low, s32 high) {
  while (low < high) {
    s32 pivot = a[(low + high) >> 1], i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        s32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    quicksort(a, low, j);
    low = i;
  }
}

KERNEL(sort, "sort") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) {
    fill_random(numbers, sizeof numbers, i + 1);
    quicksort(numbers, 0, SIZE - 1);
    sum = mix(sum, numbers[i & (SIZE - 1)]);
  }
  return sum;
}
