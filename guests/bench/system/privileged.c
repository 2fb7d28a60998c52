/* Single system instructions in a loop. */
#include "system.h"

KERNEL(cpuid, "cpuid") {
  for (u32 i = 0; i < rounds * 1000; i++) {
    u32 a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  }
  return rounds;
}

KERNEL(rdtsc, "rdtsc") {
  u64 last = 0;
  u32 backwards = 0;
  for (u32 i = 0; i < rounds * 1000; i++) {
    u64 now = __builtin_ia32_rdtsc();
    if (now < last) backwards++;
    last = now;
  }
  return backwards;
}

KERNEL(pushf_popf, "pushf-popf") {
  u32 sum = 0, flags;
  for (u32 i = 0; i < rounds * 1000; i++) {
    __asm__ volatile("pushfl; popl %0; pushl %0; popfl" : "=r"(flags) : : "memory", "cc");
    sum += flags & 0x200;
  }
  return sum;
}

KERNEL(cli_sti, "cli-sti") {
  out8(0x21, 0xff), out8(0xa1, 0xff);
  u32 sum = 0;
  for (u32 i = 0; i < rounds * 1000; i++) {
    __asm__ volatile("sti; nop; cli" : : : "memory");
    sum += i;
  }
  return sum;
}

KERNEL(segments, "segments") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds * 1000; i++) {
    u32 selector = 0x10;
    __asm__ volatile("movl %1, %%es; pushl %%es; popl %%fs; movl %%fs, %0" : "=r"(selector) : "r"(selector) : "memory");
    sum += selector & 0xffff;
  }
  return sum;
}
