/* The command smc: runs code that changes itself and checks that what runs is always what memory says. */
#include "hello.h"

extern u32 smc_ahead(u32 value), smc_loop(u32 count), smc_flip(u32 count), smc_alias(u32 value, u32 alias);
extern u32 smc_string(const void *code, u32 count);
extern char smc_page[], alias_immediate[];
extern u8 smc_buffer[];

static u32 wrong;

static void report(const char *name, u32 got, u32 expected) {
  print("%s: %u %s\n", name, got, got == expected ? "ok" : "WRONG");
  if (got != expected) wrong++;
}

static void ahead(void) {
  u32 sum = 0;
  for (u32 i = 1; i <= 2000; i++) sum += smc_ahead(i);
  report("next instruction changed", sum, 2000 * 2001 / 2);
}

static void alias(void) {
  u32 sum = 0, address = TEST_SMC_ALIAS + (u32)(alias_immediate - smc_page);
  for (u32 i = 1; i <= 2000; i++) sum += smc_alias(i, address);
  report("changed by another address", sum, 2000 * 2001 / 2);
}

static void string(void) {
  /* movl $n, %eax and nops */
  u8 code[32] = {0xb8, 0, 0, 0, 0};
  u32 sum = 0;
  memset(code + 5, 0x90, sizeof code - 5);
  for (u32 i = 1; i <= 200; i++) {
    code[1] = (u8)i;
    sum += smc_string(code, sizeof code);
  }
  report("changed by a string copy", sum, 200 * 201 / 2);
}

/* Writes a function of n increments, runs it, and writes a longer one over it. */
static void generated(void) {
  u32 sum = 0;
  for (u32 n = 1; n <= 300; n++) {
    u8 *code = smc_buffer;
    *code++ = 0x31, *code++ = 0xc0; /* xor eax, eax */
    for (u32 i = 0; i < n; i++) *code++ = 0x40;
    *code = 0xc3;
    sum += ((u32(*)(void))smc_buffer)();
  }
  report("functions written and run", sum, 300 * 301 / 2);
}

/* Data beside code on the same page changes all the time; the code must stay right. */
static void neighbour(void) {
  volatile u32 *data = (volatile u32 *)(smc_buffer + 256);
  smc_buffer[0] = 0xb8, smc_buffer[1] = 3, smc_buffer[2] = smc_buffer[3] = smc_buffer[4] = 0, smc_buffer[5] = 0xc3;
  u32 sum = 0;
  *data = 0;
  for (u32 i = 0; i < 3000; i++) {
    *data += ((u32(*)(void))smc_buffer)();
    sum += *data & 1;
  }
  report("data beside code", *data + sum, 9000 + 1500);
}

void smc(void) {
  wrong = 0;
  ahead();
  report("loop that raises its own step", smc_loop(3000), 3000 * 2999 / 2);
  report("loop that flips its own step", smc_flip(4000), 1000 + 4000 / 4 * 10);
  alias();
  string();
  generated();
  neighbour();
  print("smc: %u wrong\n", wrong);
}
