/* Devices seen from the processor: a port read (the interrupt mask), a port write (the diagnostic port), text cells of the screen, timer interrupts. */
#include "system.h"

KERNEL(port_in, "port-in") {
  u32 sum = 0;
  out8(0x21, 0xff);
  for (u32 i = 0; i < rounds * 1000; i++) sum += in8(0x21);
  return sum;
}

KERNEL(port_out, "port-out") {
  for (u32 i = 0; i < rounds * 1000; i++) out8(0x80, i);
  return rounds;
}

KERNEL(text_write, "text-write") {
  volatile u16 *cells = (u16 *)0xb8000;
  for (u32 i = 0; i < rounds; i++)
    for (u32 k = 0; k < 2000; k++) cells[k] = 0x0700 | ((i + k) & 0xff);
  return rounds;
}

/* Halts until the timer has interrupted so many times. */
static void sleep_ticks(u32 count, u32 hertz) {
  u32 divisor = 1193182 / hertz;
  prepare_system();
  out8(0x20, 0x11), out8(0x21, VECTOR_TIMER), out8(0x21, 4), out8(0x21, 1), out8(0x21, 0xfe);
  out8(0xa0, 0x11), out8(0xa1, 0x28), out8(0xa1, 2), out8(0xa1, 1), out8(0xa1, 0xff);
  out8(0x43, 0x34), out8(0x40, divisor), out8(0x40, divisor >> 8);
  while (ticks < count) __asm__ volatile("sti; hlt; cli" : : : "memory");
  out8(0x21, 0xff);
}

/* What a tick and the sleep to it cost. */
KERNEL(timer, "timer") {
  sleep_ticks(rounds, 1000);
  return rounds;
}

/* 100 rounds are a second. */
KERNEL(idle, "idle") {
  sleep_ticks(rounds, 100);
  return rounds;
}
