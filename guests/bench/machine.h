/* The bare machine under the kernels: ports, serial line, page tables. */
#pragma once
#include "bench.h"

#define PAGE 4096u
#define MAPPED (64u << 20) /* mapped one to one when paging is on, in pages of 4 KiB */

extern u32 page_directory[1024], page_tables[MAPPED / PAGE];
extern u32 paging;

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
