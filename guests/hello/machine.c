/* Descriptor tables, interrupt controllers and timer; the one interrupt handler; power off and reset. */
#include "hello.h"

#define VECTORS 50u /* 32 exceptions, 16 interrupts, the system call 0x30 and the absent gate 0x31 */
#define TIMER_HZ 100

struct pointer {
  u16 limit;
  u32 base;
} __attribute__((packed));

struct gate {
  u16 offset_low, selector;
  u8 zero, type;
  u16 offset_high;
};

volatile u32 ticks;
u32 task_state[26]; /* only esp0 and ss0 are used */
static struct gate gates[VECTORS];
static u64 segments[] = {
    0,
    0x00cf9a000000ffff, /* 08 kernel code */
    0x00cf92000000ffff, /* 10 kernel data */
    0x00cffa000000ffff, /* 18 user code */
    0x00cff2000000ffff, /* 20 user data */
    0,                  /* 28 task state */
    0x00cf12000000ffff, /* 30 data, not present */
};

static void set_gate(u32 vector, u32 handler, u8 type) {
  gates[vector] = (struct gate){(u16)handler, KERNEL_CODE, 0, type, (u16)(handler >> 16)};
}

static void load_descriptors(void) {
  u64 base = (u32)task_state, limit = sizeof task_state - 1;
  segments[TASK_SEGMENT / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24) << 56;
  task_state[2] = KERNEL_DATA;
  task_state[25] = sizeof task_state << 16; /* no I/O permission map */
  for (u32 i = 0; i < VECTORS - 1; i++) set_gate(i, interrupt_stubs[i], 0x8e);
  gates[3].type = gates[4].type = gates[0x30].type = 0xee;
  set_gate(0x31, interrupt_stubs[0], 0x0e);
  struct pointer gdt = {sizeof segments - 1, (u32)segments}, idt = {sizeof gates - 1, (u32)gates};
  load_tables(&gdt, &idt);
}

static void start_controllers(void) {
  out8(0x20, 0x11), out8(0xa0, 0x11);
  out8(0x21, 0x20), out8(0xa1, 0x28); /* vectors 0x20 and 0x28 */
  out8(0x21, 0x04), out8(0xa1, 0x02);
  out8(0x21, 0x01), out8(0xa1, 0x01);
  out8(0x21, (u8)~0x11), out8(0xa1, 0xff); /* only the timer and the serial line */
}

static void start_timer(void) {
  u32 divisor = 1193182 / TIMER_HZ;
  out8(0x43, 0x34); /* counter 0, rate generator */
  out8(0x40, (u8)divisor);
  out8(0x40, (u8)(divisor >> 8));
}

void machine_start(void) {
  load_descriptors();
  start_controllers();
  start_timer();
}

static void unexpected(const struct frame *frame) {
  u32 cr2;
  __asm__ volatile("movl %%cr2, %0" : "=r"(cr2));
  print("\nunexpected exception %u error 0x%x at %x:0x%08x cr2 0x%08x\n", frame->vector, frame->error, frame->cs, frame->eip, cr2);
  power_off();
}

static void device_interrupt(u32 line) {
  out8(0x20, 0x20);
  if (line == 0) ticks++;
  else if (line == 4) serial_interrupt();
}

void interrupt(struct frame *frame) {
  if (frame->vector >= 0x20 && frame->vector < 0x28) device_interrupt(frame->vector - 0x20);
  else if (!fault_taken(frame)) unexpected(frame);
}

void power_off(void) {
  serial_flush();
  out16(0xb004, 0x2000); /* PM1a: sleep enable, type 0 (S5): where hvm has it */
  out16(0x604, 0x2000);  /* where QEMU has it */
  for (;;) __asm__ volatile("cli; hlt");
}

void reboot(void) {
  serial_flush();
  out8(0x64, 0xfe); /* 8042: pulse the reset line */
  for (;;) __asm__ volatile("cli; hlt");
}
