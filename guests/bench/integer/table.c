/* One dependent table lookup per byte: CRC-32. */
#include "../bench.h"

#define SIZE 32768
static u32 table[256];
static u8 data[SIZE];

static void make_table(void) {
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (u32 bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    table[i] = c;
  }
}

static NOINLINE u32 crc32(const u8 *p, u32 count) {
  u32 c = ~0u;
  while (count--) c = table[(c ^ *p++) & 255] ^ c >> 8;
  return ~c;
}

KERNEL(table_lookup, "table") {
  u32 sum = 0;
  make_table();
  fill_random(data, SIZE, 5);
  for (u32 i = 0; i < rounds; i++) {
    data[i & (SIZE - 1)] ^= i;
    sum = mix(sum, crc32(data, SIZE));
  }
  return sum;
}
