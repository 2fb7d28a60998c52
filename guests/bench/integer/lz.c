/* A byte-oriented LZ77 coder: packs text-like data by hash chains of length one, then unpacks and compares. */
#include "../bench.h"

#define SIZE 32768
static u8 plain[SIZE], packed[2 * SIZE], unpacked[SIZE + 16];
static u32 last_seen[4096];

static void prepare(void) {
  u32 seed = 11;
  for (u32 i = 0; i < SIZE; i++) {
    u32 r = next_random(&seed);
    plain[i] = i > 600 && r % 8 ? plain[i - 1 - (i >> 5) % 500] : 'a' + r % 23;
  }
}

static inline u32 hash_of(const u8 *p) { return ((p[0] << 10 ^ p[1] << 5 ^ p[2]) * 0x9e5u >> 3) & 4095; }

/* Literal: 0-127 = count - 1, bytes. Match: 128 + length - 4, distance low, high. */
static NOINLINE u32 pack(void) {
  u32 in = 0, out = 0, literals = 0;
  for (u32 i = 0; i < 4096; i++) last_seen[i] = 0;
  while (in < SIZE) {
    u32 h = in + 3 < SIZE ? hash_of(plain + in) : 0, candidate = last_seen[h], length = 0;
    last_seen[h] = in + 1;
    if (candidate)
      while (length < 131 && in + length < SIZE && plain[candidate - 1 + length] == plain[in + length]) length++;
    if (length >= 4) {
      u32 distance = in - (candidate - 1);
      packed[out++] = 128 + length - 4;
      packed[out++] = distance;
      packed[out++] = distance >> 8;
      in += length;
      literals = 0;
    } else {
      if (literals == 0 || packed[literals - 1] == 127) {
        packed[out++] = 0;
        literals = out;
      } else packed[literals - 1]++;
      packed[out++] = plain[in++];
    }
  }
  return out;
}

static NOINLINE u32 unpack(u32 size) {
  u32 in = 0, out = 0;
  while (in < size) {
    u32 token = packed[in++];
    if (token < 128) {
      do unpacked[out++] = packed[in++];
      while (token--);
    } else {
      u32 length = token - 128 + 4, from = out - (packed[in] | packed[in + 1] << 8);
      in += 2;
      while (length--) unpacked[out++] = unpacked[from++];
    }
  }
  return out;
}

KERNEL(lz, "lz") {
  u32 sum = 0;
  prepare();
  for (u32 i = 0; i < rounds; i++) {
    u32 size = pack();
    sum = mix(sum, size);
    for (u32 again = 0; again < 4; again++) sum = mix(sum, unpack(size));
    plain[(i * 129) & (SIZE - 1)] ^= 1;
  }
  return mix_bytes(sum, unpacked, SIZE);
}
