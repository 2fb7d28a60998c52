/* Code that changes: an immediate operand rewritten before each call, a new function in the same place, data on the page of running code. */
#include "system.h"

extern u8 changing[], changing_operand[], beside[];
__asm__(".section .data\n .balign 4096\n"
        "changing: addl $0x11223344, %eax\n .set changing_operand, changing + 1\n xorl %ecx, %eax\n ret\n"
        " .balign 64\n beside: .skip 64\n .balign 4096\n .previous");

static inline u32 call_changing(u32 a, u32 c) {
  __asm__ volatile("call changing" : "+a"(a) : "c"(c) : "memory", "cc");
  return a;
}
static void set_operand(u32 value) { *(volatile u32 *)changing_operand = value; }

KERNEL(rewrite, "code-rewrite") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds * 10; i++) {
    set_operand(i * 3);
    sum = call_changing(sum, i);
  }
  return sum;
}

/* As a loader does: a function is written, runs a while, and another takes its place. */
KERNEL(generate, "code-generate") {
  u32 sum = 0;
  for (u32 i = 0; i < rounds; i++) {
    set_operand(i * 0x01000193);
    for (u32 k = 0; k < 500; k++) sum = call_changing(sum, k);
  }
  return sum;
}

KERNEL(code_beside, "code-beside-data") {
  u32 sum = 0;
  set_operand(77);
  for (u32 i = 0; i < rounds * 100; i++) {
    (*(volatile u32 *)beside)++;
    sum = call_changing(sum, i);
  }
  return sum;
}
