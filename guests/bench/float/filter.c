/* Audio-like work in single precision: a recursive filter, a convolution, clipping by compares. */
#include "../bench.h"

#define SIZE 1024
static float in[SIZE + 16], out[SIZE];

static NOINLINE void recursive(void) {
  float y1 = 0, y2 = 0;
  for (u32 i = 0; i < SIZE; i++) {
    float y = 0.2f * in[i] + 1.2f * y1 - 0.5f * y2;
    y2 = y1, y1 = y;
    out[i] = y;
  }
}
static NOINLINE void convolve(const float *weights) {
  for (u32 i = 0; i < SIZE; i++) {
    float s = 0;
    for (u32 k = 0; k < 8; k++) s += in[i + k] * weights[k];
    out[i] += s;
  }
}
static NOINLINE void clip(void) {
  for (u32 i = 0; i < SIZE; i++) {
    float v = out[i];
    in[i] = v > 1.0f ? 1.0f : v < -1.0f ? -1.0f : v * 0.99f;
  }
}

KERNEL(filter, PREFIX "filter") {
  static const float weights[8] = {0.1f, -0.2f, 0.3f, 0.4f, 0.4f, 0.3f, -0.2f, 0.1f};
  u32 seed = 41;
  for (u32 i = 0; i < COUNT(in); i++) in[i] = (s32)next_random(&seed) * 5e-10f;
  for (u32 i = 0; i < rounds; i++) {
    recursive();
    convolve(weights);
    clip();
    in[i & (SIZE - 1)] += 0.5f;
  }
  return mix_bytes(mix_bytes(0, in, sizeof in), out, sizeof out);
}
