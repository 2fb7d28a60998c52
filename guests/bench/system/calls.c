/* System calls from ring 3: by INT and IRET, by SYSENTER and SYSEXIT. */
#include "system.h"

enum { SYSENTER_CS = 0x174, SYSENTER_ESP, SYSENTER_EIP };

static u32 loop_int(u32 count) {
  u32 a = 1;
  while (count--) __asm__ volatile("int $0x80" : "+a"(a) : : "memory");
  return a;
}
KERNEL(int_call, "int-call") {
  prepare_system();
  return run_user(loop_int, rounds * 1000);
}

static u32 loop_sysenter(u32 count) {
  u32 a = 1;
  while (count--)
    __asm__ volatile("movl %%esp, %%ecx; movl $1f, %%edx; sysenter\n1:" : "+a"(a) : : "ecx", "edx", "memory");
  return a;
}
KERNEL(sysenter, "sysenter") {
  static u8 stack[4096] __attribute__((aligned(16)));
  prepare_system();
  write_msr(SYSENTER_CS, 0x08);
  write_msr(SYSENTER_ESP, (u32)(stack + sizeof stack));
  write_msr(SYSENTER_EIP, (u32)entry_sysenter);
  return run_user(loop_sysenter, rounds * 1000);
}
