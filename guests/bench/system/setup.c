/* Descriptor tables of the system kernels. The GDT's first entries are start.S's; SYSENTER wants the order. */
#include "system.h"

volatile u32 ticks;

static u64 table[6] __attribute__((aligned(8)));
static u32 tss[26], gates[256][2] __attribute__((aligned(8)));
static u8 user_stack[4096] __attribute__((aligned(16)));
u32 enter_user(u32 (*function)(u32), u32 argument, u32 stack, u32 *kernel_stack);

struct pointer {
  u16 limit;
  u32 base;
} __attribute__((packed));

static void set_gate(u32 vector, void (*entry)(void), u32 privilege) {
  u32 address = (u32)entry;
  gates[vector][0] = 0x08 << 16 | (address & 0xffff);
  gates[vector][1] = (address & 0xffff0000) | 0x8e00 | privilege << 13;
}

static void load_tables(void) {
  u32 base = (u32)tss;
  table[1] = 0x00cf9a000000ffff, table[2] = 0x00cf92000000ffff;
  table[3] = 0x00cffa000000ffff, table[4] = 0x00cff2000000ffff;
  table[5] = (sizeof tss - 1) | (u64)(base & 0xffffff) << 16 | 0x89ull << 40 | (u64)(base >> 24) << 56;
  tss[2] = 0x10;
  tss[25] = sizeof tss << 16;
  struct pointer gdt = {sizeof table - 1, (u32)table}, idt = {sizeof gates - 1, (u32)gates};
  __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdt), "m"(idt), "r"(0x28) : "memory");
}

void prepare_system(void) {
  set_gate(VECTOR_PAGE_FAULT, trap_page_fault, 0);
  set_gate(VECTOR_TIMER, trap_timer, 0);
  set_gate(VECTOR_CALL, trap_call, 3);
  set_gate(VECTOR_LEAVE, trap_leave, 3);
  load_tables();
  ticks = 0;
}

u32 run_user(u32 (*function)(u32), u32 argument) {
  return enter_user(function, argument, (u32)(user_stack + sizeof user_stack), &tss[1]);
}
