/* Vectors of 16 bytes, as gcc writes them, for the packed kernels. */
#pragma once
#include "../bench.h"

typedef double v2d __attribute__((vector_size(16)));
typedef float v4f __attribute__((vector_size(16)));
typedef s32 v4i __attribute__((vector_size(16)));
typedef s16 v8s __attribute__((vector_size(16)));
typedef char v16c __attribute__((vector_size(16)));
typedef u32 v4u __attribute__((vector_size(16)));
typedef long long v2q __attribute__((vector_size(16)));
