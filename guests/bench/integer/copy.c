/* Copying and clearing memory: by loops, by REP on whole buffers, and by REP on a few dozen bytes. */
#include "../bench.h"

#define SIZE 65536
static u32 from[SIZE / 4], to[SIZE / 4];

static NOINLINE void loop_copy(u32 *d, const u32 *s, u32 words) {
  for (u32 i = 0; i < words; i++) d[i] = s[i];
}
static NOINLINE void loop_copy_bytes(u8 *d, const u8 *s, u32 bytes) {
  while (bytes--) *d++ = *s++;
}
static inline void rep_movsb(void *d, const void *s, u32 bytes) {
  __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(bytes) : : "memory");
}
static inline void rep_movsd(void *d, const void *s, u32 words) {
  __asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
}
static inline void rep_stosb(void *d, u8 value, u32 bytes) {
  __asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(value) : "memory");
}
static inline void rep_stosd(void *d, u32 value, u32 words) {
  __asm__ volatile("rep stosl" : "+D"(d), "+c"(words) : "a"(value) : "memory");
}

KERNEL(copy_loop, "copy-loop") {
  fill_random(from, SIZE, 9);
  for (u32 i = 0; i < rounds; i++) {
    loop_copy(to, from, SIZE / 4);
    loop_copy_bytes((u8 *)to + (i & 3), (const u8 *)from, SIZE / 8);
    from[i & (SIZE / 4 - 1)] += i;
  }
  return mix_bytes(0, to, SIZE);
}

KERNEL(copy_rep, "copy-rep") {
  fill_random(from, SIZE, 9);
  for (u32 i = 0; i < rounds; i++) {
    rep_stosd(to, i, SIZE / 4);
    rep_movsd(to, from, SIZE / 8);
    rep_movsb((u8 *)to + SIZE / 2 + (i & 7), from, SIZE / 4);
    from[i & (SIZE / 4 - 1)] += i;
  }
  return mix_bytes(0, to, SIZE);
}

KERNEL(copy_rep_short, "copy-rep-short") {
  fill_random(from, SIZE, 9);
  u8 *d = (u8 *)to;
  for (u32 i = 0; i < rounds; i++) {
    for (u32 at = 0; at < SIZE - 512; at += 256) {
      rep_stosb(d + at, i, 52);
      rep_movsb(d + at + 60, (u8 *)from + at + (i & 15), 20 + (at >> 8 & 31));
      rep_movsd(d + at + 128, (u8 *)from + at, 1 + (i & 15));
    }
  }
  return mix_bytes(0, to, SIZE);
}
