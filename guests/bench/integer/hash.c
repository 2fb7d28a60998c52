/* SHA-256's compression function over a buffer, with random constants: more live values than registers, so much stack traffic. */
#include "../bench.h"

static u32 constants[64], state[8], message[16 * 64];

static u32 rotate(u32 x, u32 n) { return x >> n | x << (32 - n); }

static NOINLINE void compress(const u32 *block) {
  u32 w[64];
  for (u32 i = 0; i < 16; i++) w[i] = __builtin_bswap32(block[i]);
  for (u32 i = 16; i < 64; i++) {
    u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 a = state[0], b = state[1], c = state[2], d = state[3];
  u32 e = state[4], f = state[5], g = state[6], h = state[7];
  for (u32 i = 0; i < 64; i++) {
    u32 t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
    u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

KERNEL(hash, "hash") {
  fill_random(constants, sizeof constants, 1);
  fill_random(state, sizeof state, 2);
  fill_random(message, sizeof message, 3);
  for (u32 i = 0; i < rounds; i++)
    for (u32 block = 0; block < 64; block++) compress(message + 16 * block);
  return mix_bytes(0, state, sizeof state);
}
