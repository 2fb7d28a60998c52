/* Calls: recursion, small leaf functions, calls through pointers with few and with many targets. */
#include "../bench.h"

static NOINLINE u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static NOINLINE u32 ackermann(u32 m, u32 n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

KERNEL(recursion, "recursion") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) sum = mix(sum, fibonacci(16 + (i & 3)) + ackermann(2, 10 + (i & 7)));
  return sum;
}

struct pair {
  u32 low, high;
};
static NOINLINE u32 smaller(u32 a, u32 b) { return a < b ? a : b; }
static NOINLINE u32 parity(u32 x) {
  x ^= x >> 16, x ^= x >> 8, x ^= x >> 4;
  return 0x6996 >> (x & 15) & 1;
}
static NOINLINE u32 get(const struct pair *p) { return p->low ^ p->high; }
static NOINLINE void put(struct pair *p, u32 x) { p->high = p->low, p->low = x; }

KERNEL(leaf_calls, "leaf-calls") {
  struct pair p = {1, 2};
  u32 sum = 0;
  for (u32 i = 0; i < rounds * 100; i++) {
    put(&p, smaller(get(&p), i * 0x01000193));
    sum += parity(sum ^ get(&p));
  }
  return mix(sum, get(&p));
}

static NOINLINE u32 f0(u32 x) { return x + 1; }
static NOINLINE u32 f1(u32 x) { return x ^ 0x5555; }
static NOINLINE u32 f2(u32 x) { return x << 3 | x >> 29; }
static NOINLINE u32 f3(u32 x) { return x * 5; }
static NOINLINE u32 f4(u32 x) { return ~x; }
static NOINLINE u32 f5(u32 x) { return x - (x >> 4); }
static NOINLINE u32 f6(u32 x) { return x & 1 ? x * 3 : x >> 1; }
static NOINLINE u32 f7(u32 x) { return __builtin_bswap32(x); }
static u32 (*volatile const functions[])(u32) = {f0, f1, f2, f3, f4, f5, f6, f7};

KERNEL(indirect_calls, "indirect-calls") {
  u32 x = 1;
  for (u32 i = 0; i < rounds * 100; i++) {
    x = functions[i & 1](x);
    x = functions[2](x);
    x = functions[x >> 7 & 7](x) + i;
  }
  return x;
}
