/* Searching and comparing strings: by loops, and by REPNE SCAS and REPE CMPS. */
#include "../bench.h"

#define SIZE 16384
static u8 text[SIZE + 1], other[SIZE + 1];

static NOINLINE u32 length(const u8 *s) {
  const u8 *p = s;
  while (*p) p++;
  return p - s;
}
static NOINLINE u32 compare(const u8 *a, const u8 *b) {
  const u8 *start = a;
  while (*a && *a == *b) a++, b++;
  return a - start;
}
static NOINLINE u32 find(const u8 *s, u8 wanted) {
  u32 found = 0;
  for (; *s; s++)
    if (*s == wanted) found++;
  return found;
}
static inline u32 scasb(const u8 *s, u8 wanted, u32 count) {
  __asm__ volatile("repne scasb" : "+D"(s), "+c"(count) : "a"(wanted) : "cc", "memory");
  return count;
}
static inline u32 cmpsb(const u8 *a, const u8 *b, u32 count) {
  __asm__ volatile("repe cmpsb" : "+S"(a), "+D"(b), "+c"(count) : : "cc", "memory");
  return count;
}

static void prepare(void) {
  fill_random(text, SIZE, 21);
  for (u32 i = 0; i < SIZE; i++) other[i] = text[i] |= 1;
  text[SIZE] = other[SIZE] = 0;
}

KERNEL(scan, "scan") {
  u32 sum = 0;
  prepare();
  for (u32 i = 0; i < rounds; i++) {
    u32 at = (i * 37) & (SIZE / 2 - 1);
    other[SIZE - 1 - at] ^= 2;
    sum = mix(sum, length(text + at) + compare(text, other) + find(text + at, i | 1));
  }
  return sum;
}

KERNEL(scan_rep, "scan-rep") {
  u32 sum = 0;
  prepare();
  for (u32 i = 0; i < rounds; i++) {
    u32 at = (i * 37) & (SIZE / 2 - 1);
    other[SIZE - 1 - at] ^= 2;
    sum = mix(sum, scasb(text + at, 0, SIZE + 1 - at) + cmpsb(text, other, SIZE));
    for (u32 start = 0; start < SIZE; start += 512) sum += scasb(text + start, text[start + (i & 63)], 512);
  }
  return sum;
}
