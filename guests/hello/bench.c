/* The command bench: six small programs whose results depend on the CPU alone; cycle counts stand on lines that start
 * with "time:" so that outputs can be compared without them. */
#include "hello.h"

#define BUFFER 32768u
#define SORTED 4096u
#define SIEVED 60000u
#define ORDER 24u

static u8 buffer[BUFFER], copy[BUFFER];
static u32 crc_table[256];
static u32 values[SORTED];
static u8 composite[SIEVED];
static u32 left[ORDER][ORDER], right[ORDER][ORDER], product[ORDER][ORDER];

static u32 seed;
static u32 random(void) { return seed = seed * 1664525 + 1013904223; }

static void fill(void) {
  for (u32 i = 0; i < BUFFER; i++) buffer[i] = (u8)(random() >> 24);
}

static u32 crc32(const u8 *data, u32 count) {
  u32 crc = ~0u;
  for (u32 i = 0; i < count; i++) crc = crc >> 8 ^ crc_table[(crc ^ data[i]) & 255];
  return ~crc;
}

static u32 bench_crc(void) {
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (u32 bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    crc_table[i] = c;
  }
  fill();
  u32 crc = 0;
  for (u32 i = 0; i < 6; i++) {
    crc = crc32(buffer, BUFFER);
    memcpy(buffer + i * 4, &crc, 4);
  }
  return crc;
}

static void sort(u32 *a, int low, int high) {
  while (low < high) {
    u32 pivot = a[(low + high) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        u32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    sort(a, low, j);
    low = i;
  }
}

static u32 bench_sort(void) {
  for (u32 i = 0; i < SORTED; i++) values[i] = random();
  sort(values, 0, (int)SORTED - 1);
  u32 sum = 0;
  for (u32 i = 1; i < SORTED; i++) sum = sum * 31 + values[i] + (values[i - 1] > values[i]);
  return sum;
}

static u32 bench_sieve(void) {
  u32 count = 0;
  memset(composite, 0, SIEVED);
  for (u32 i = 2; i < SIEVED; i++) {
    if (composite[i]) continue;
    count++;
    for (u32 j = i * 2; j < SIEVED; j += i) composite[j] = 1;
  }
  return count;
}

static u32 bench_matrix(void) {
  for (u32 i = 0; i < ORDER * ORDER; i++) {
    left[i / ORDER][i % ORDER] = random() >> 16;
    right[i / ORDER][i % ORDER] = random() >> 16;
  }
  u32 sum = 0;
  for (u32 i = 0; i < ORDER; i++) {
    for (u32 j = 0; j < ORDER; j++) {
      u32 cell = 0;
      for (u32 k = 0; k < ORDER; k++) cell += left[i][k] * right[k][j];
      product[i][j] = cell;
      sum = (sum << 3 | sum >> 29) ^ cell;
    }
  }
  return sum;
}

static u32 bench_copy(void) {
  u32 sum = 0;
  for (u32 i = 0; i < 24; i++) {
    memcpy(copy, buffer, BUFFER - i);
    __asm__ volatile("" : : : "memory");
    sum = sum * 17 + copy[(i * 1237) % BUFFER];
  }
  const u32 *from = (const u32 *)buffer;
  u32 *to = (u32 *)copy;
  for (u32 i = 0; i < BUFFER / 4; i++) to[i] = from[i] ^ sum;
  return crc32(copy, BUFFER);
}

static __attribute__((noinline)) u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static u32 bench_fibonacci(void) { return fibonacci(20); }

static const struct {
  const char *name;
  u32 (*run)(void);
} PROGRAMS[] = {
    {"crc32", bench_crc},     {"sort", bench_sort}, {"sieve", bench_sieve},
    {"matrix", bench_matrix}, {"copy", bench_copy}, {"fibonacci", bench_fibonacci},
};

static void timer(void) {
  u32 from = ticks;
  u32 flags = interrupts_off();
  while (ticks - from < 2) wait_for_interrupt();
  interrupts_restore(flags);
  print("%11s %s\n", "timer", "interrupts arrive");
}

void bench(u32 rounds) {
  u64 total = 0;
  for (u32 i = 0; i < sizeof PROGRAMS / sizeof *PROGRAMS; i++) {
    u32 result = 0;
    seed = 1;
    u64 start = cycles();
    for (u32 round = 0; round < rounds; round++) result = PROGRAMS[i].run() + result * 5;
    u64 taken = cycles() - start;
    total += taken;
    print("%11s %08x\n", PROGRAMS[i].name, result);
    print("time: %9s %u thousand cycles\n", PROGRAMS[i].name, (u32)(taken >> 10));
  }
  timer();
  print("time: %9s %u thousand cycles, %u ticks since the start\n", "total", (u32)(total >> 10), ticks);
}
