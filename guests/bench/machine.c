/* Runs one kernel on the bare machine: command line "bench=NAME,ROUNDS[,paging]"; the result goes to the serial line. The run ends
   with a write to port 0xf4 (isa-debug-exit). An unknown name prints "RESULT none". */
#include "machine.h"
#include "select.h"

u32 page_directory[1024] __attribute__((aligned(4096))), page_tables[MAPPED / PAGE] __attribute__((aligned(4096)));
u32 paging;

void *memcpy(void *to, const void *from, u32 count);
void *memset(void *to, int value, u32 count);
void *memcpy(void *to, const void *from, u32 count) {
  for (u8 *d = to; count--;) *d++ = *(const u8 *)from, from = (const u8 *)from + 1;
  return to;
}
void *memset(void *to, int value, u32 count) {
  for (u8 *d = to; count--;) *d++ = value;
  return to;
}

static void print(const char *text) {
  for (; *text; text++) {
    while (!(in8(0x3fd) & 0x20));
    out8(0x3f8, *text);
  }
}

static void start_paging(void) {
  for (u32 i = 0; i < MAPPED / PAGE; i++) page_tables[i] = i * PAGE | 7;
  for (u32 i = 0; i < MAPPED / PAGE / 1024; i++) page_directory[i] = (u32)(page_tables + 1024 * i) | 7;
  __asm__ volatile("movl %0, %%cr3; movl %%cr0, %%eax; orl $0x80010000, %%eax; movl %%eax, %%cr0"
                   : : "r"(page_directory) : "eax", "memory");
}

KERNEL(empty, "empty") { return rounds; }
/* Long enough for an emulator to warm up what it warms up once. */
KERNEL(count, "count") {
  for (u32 i = 0; i < rounds; i++) __asm__ volatile("" : "+r"(i));
  return rounds;
}

void machine_main(const char *command_line);
void machine_main(const char *command_line) {
  const char *options;
  const struct kernel *kernel = find_kernel(command_line, &options);
  char line[17];
  if (kernel) {
    u32 rounds = parse_number(&options);
    paging = options[0] == ',' && options[1] == 'p';
    if (paging) start_paging();
    write_result(line, kernel->run(rounds));
    print(line);
  } else {
    print("RESULT none\n");
  }
  out8(0xf4, 0);
}
