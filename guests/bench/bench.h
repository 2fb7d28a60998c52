/* What every kernel has: how it announces itself, and the arithmetic of seeds and checksums. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;

/* A kernel prepares its data, does its work `rounds` times and returns a checksum of what it computed; the same again at the next call. */
struct kernel {
  const char *name;
  u32 (*run)(u32 rounds);
};
#define KERNEL(id, text)                                                                          \
  static u32 id(u32 rounds);                                                                      \
  static const struct kernel kernel_##id __attribute__((section("kernels"), used)) = {text, id};  \
  static u32 id(u32 rounds)
#define NOINLINE __attribute__((noinline, noclone))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* xorshift32; the state must not be 0. */
static inline u32 next_random(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}
static inline u32 mix(u32 sum, u32 value) { return (sum << 5 | sum >> 27) + (value ^ 0x9e3779b9u); }
static inline u32 mix_bytes(u32 sum, const void *bytes, u32 count) {
  const u8 *p = bytes;
  while (count--) sum = mix(sum, *p++);
  return sum;
}
static inline void fill_random(void *bytes, u32 count, u32 seed) {
  u8 *p = bytes;
  while (count--) *p++ = next_random(&seed) >> 11;
}
