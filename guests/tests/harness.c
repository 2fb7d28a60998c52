/* The harness of the direct tests; see harness.h. */
#include "harness.h"

struct gate {
  u16 offset_low, selector, type, offset_high;
};

extern u32 stubs[];

volatile struct taken taken;
volatile u32 resume;
void (*volatile repair)(u32 cr2);
u32 directory[1024] __attribute__((aligned(4096)));
u32 window_table[1024] __attribute__((aligned(4096)));
static u32 low_tables[4][1024] __attribute__((aligned(4096)));
static struct gate gates[32];
static u32 failures, passes;

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void *memcpy(void *to, const void *from, u32 count) {
  u8 *t = to;
  const u8 *f = from;
  while (count--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, u32 count) {
  u8 *t = to;
  while (count--) *t++ = (u8)value;
  return to;
}

static void put(char c) {
  out8(0xe9, (u8)c);
  while (!(in8(0x3fd) & 0x20)) continue;
  out8(0x3f8, (u8)c);
}

static void put_text(const char *text) {
  while (*text) put(*text++);
}

static void put_number(u32 value, u32 base) {
  char digits[12];
  u32 count = 0;
  do digits[count++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (count) put(digits[--count]);
}

void check(const char *name, u32 got, u32 expected) {
  if (got == expected) passes++;
  else failures++;
  put_text(got == expected ? "PASS " : "FAIL ");
  put_text(name);
  if (got != expected) {
    put_text(": got 0x");
    put_number(got, 16);
    put_text(", expected 0x");
    put_number(expected, 16);
  }
  put('\n');
}

static void finish(void) {
  put_number(passes, 10);
  put_text(" passed, ");
  put_number(failures, 10);
  put_text(" failed\n");
  while (!(in8(0x3fd) & 0x40)) continue;
  out8(0xf4, failures != 0); /* --debug-exit: status 1 when all passed, 3 otherwise */
  out16(0xb004, 0x2000);
  out16(0x604, 0x2000);
}

static void unexpected(void) {
  put_text("FAIL unexpected exception ");
  put_number(taken.vector, 10);
  put_text(" error 0x");
  put_number(taken.error, 16);
  put_text(" eip 0x");
  put_number(taken.eip, 16);
  put_text(" cr2 0x");
  put_number(taken.cr2, 16);
  put('\n');
  failures++;
  finish();
  for (;;) __asm__ volatile("cli; hlt");
}

void harness_exception(struct registers *frame) {
  u32 cr2;
  __asm__ volatile("movl %%cr2, %0" : "=r"(cr2));
  taken.count++;
  taken.vector = frame->vector;
  taken.error = frame->error;
  taken.eip = frame->eip;
  taken.cr2 = cr2;
  for (u32 i = 0; i < sizeof *frame / 4; i++) ((volatile u32 *)&taken.registers)[i] = ((u32 *)frame)[i];
  if (repair && frame->vector == 14) repair(cr2);
  else if (resume) frame->eip = resume;
  else unexpected();
  resume = 0;
}

volatile u32 *entry_of(u32 linear) { return &window_table[(linear - WINDOW) >> 12]; }

void map(u32 linear, u32 frame, u32 rights) { *entry_of(linear) = frame | rights; }

static void start_interrupts(void) {
  struct {
    u16 limit;
    u32 base;
  } __attribute__((packed)) idt = {sizeof gates - 1, (u32)gates};
  for (u32 i = 0; i < 32; i++) gates[i] = (struct gate){(u16)stubs[i], 0x08, 0x8e00, (u16)(stubs[i] >> 16)};
  __asm__ volatile("lidt %0" : : "m"(idt));
}

static void start_paging(void) {
  for (u32 i = 0; i < 4096; i++) low_tables[i >> 10][i & 1023] = i << 12 | P | W;
  for (u32 i = 0; i < 4; i++) directory[i] = (u32)low_tables[i] | P | W;
  directory[WINDOW >> 22] = (u32)window_table | P | W | U;
  u32 scratch;
  __asm__ volatile("movl %%cr4, %0; orl $0x90, %0; movl %0, %%cr4" : "=&r"(scratch)); /* PSE, PGE */
  __asm__ volatile("movl %0, %%cr3" : : "r"(directory) : "memory");
  __asm__ volatile("movl %%cr0, %0; orl $0x80010000, %0; movl %0, %%cr0" : "=&r"(scratch) : : "memory"); /* PG, WP */
}

void harness_main(void) {
  start_interrupts();
  start_paging();
  test_main();
  finish();
}
