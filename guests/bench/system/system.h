/* What the system kernels share: descriptors, gates, and a way to ring 3 and back. All of them are run with paging on. */
#pragma once
#include "../machine.h"

enum { VECTOR_PAGE_FAULT = 14, VECTOR_TIMER = 0x20, VECTOR_CALL = 0x80, VECTOR_LEAVE = 0x81 };

/* Loads GDT, TSS and IDT; every gate below is filled, interrupts stay off. */
void prepare_system(void);
/* Calls function(argument) in ring 3 on a stack of its own; returns what it returned. */
u32 run_user(u32 (*function)(u32), u32 argument);

/* Entries of traps.S. */
void trap_page_fault(void), trap_timer(void), trap_call(void), trap_leave(void), entry_sysenter(void);
extern volatile u32 ticks;

static inline void write_msr(u32 msr, u32 low) { __asm__ volatile("wrmsr" : : "c"(msr), "a"(low), "d"(0)); }
static inline void flush_page(u32 linear) { __asm__ volatile("invlpg (%0)" : : "r"(linear) : "memory"); }
static inline void load_cr3(u32 value) { __asm__ volatile("movl %0, %%cr3" : : "r"(value) : "memory"); }
