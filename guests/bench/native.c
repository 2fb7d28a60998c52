/* The same kernels as a 32-bit Linux program without a C library, for the native column: native bench=NAME,ROUNDS[,REPEATS]. */
#include "select.h"

static u32 system_call(u32 number, u32 a, u32 b, u32 c) {
  __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
  return number;
}

KERNEL(empty, "empty") { return rounds; }

__attribute__((used, force_align_arg_pointer)) static void native_main(const u32 *stack) {
  const char *options = "";
  const struct kernel *kernel = stack[0] > 1 ? find_kernel((const char *)stack[2], &options) : 0;
  char line[17];
  if (!kernel) system_call(1, 1, 0, 0);
  u32 rounds = parse_number(&options);
  if (*options == ',') options++;
  u32 repeats = parse_number(&options), sum = kernel->run(rounds);
  while (repeats-- > 1) sum = kernel->run(rounds);
  write_result(line, sum);
  system_call(4, 1, (u32)line, 16);
  system_call(1, 0, 0, 0);
}
__asm__(".globl _start\n_start: movl %esp, %eax\n pushl %eax\n call native_main");

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
