/* What every direct test has: PASS and FAIL lines, page tables it may change, and exceptions it can provoke. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define PAGE 4096u
/* Linear window of 1024 pages, none present at the start; map() fills it. The rest of memory below 16 MiB is mapped one to one. */
#define WINDOW 0x40000000u
/* Physical frames that nothing else uses. */
#define FRAME(n) (0x800000u + (n)*PAGE)

enum { P = 1, W = 2, U = 4, ACCESSED = 0x20, DIRTY = 0x40, LARGE = 0x80, GLOBAL = 0x100 };

struct registers {
  u32 edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  u32 vector, error, eip, cs, eflags;
};

/* The exception last taken: count of all, and what it said. */
struct taken {
  u32 count, vector, error, cr2, eip;
  struct registers registers;
};
extern volatile struct taken taken;

/* Where to go on after the next exception; or a function that repairs its cause, so that it is tried again. */
extern volatile u32 resume;
extern void (*volatile repair)(u32 cr2);

extern u32 directory[1024], window_table[1024];

void test_main(void);
void check(const char *name, u32 got, u32 expected);
void map(u32 linear, u32 frame, u32 rights); /* in the window; does not flush */
volatile u32 *entry_of(u32 linear);
void *memcpy(void *to, const void *from, u32 count);
void *memset(void *to, int value, u32 count);

static inline void flush(u32 linear) { __asm__ volatile("invlpg (%0)" : : "r"(linear) : "memory"); }
static inline void flush_all(void) {
  u32 cr3;
  __asm__ volatile("movl %%cr3, %0; movl %0, %%cr3" : "=r"(cr3) : : "memory");
}
static inline u32 read32(u32 address) { return *(volatile u32 *)address; }
static inline void write32(u32 address, u32 value) { *(volatile u32 *)address = value; }
static inline u8 read8(u32 address) { return *(volatile u8 *)address; }
static inline void write8(u32 address, u8 value) { *(volatile u8 *)address = value; }
static inline u32 call(u32 address) { return ((u32(*)(void))address)(); }

/* Runs one instruction that is expected to raise an exception, and goes on behind it. */
#define PROVOKE(instruction, ...) \
  __asm__ volatile("movl $2f, %c[resume]\n1:\t" instruction "\n2:\n" __VA_ARGS__)
#define RESUME [resume] "i"(&resume)

static inline int write_faults(u32 address, u32 value) {
  u32 before = taken.count;
  PROVOKE("movl %[value], (%[address])", : : [value] "r"(value), [address] "r"(address), RESUME : "memory");
  resume = 0;
  return taken.count != before;
}
static inline int read_faults(u32 address) {
  u32 before = taken.count, value;
  PROVOKE("movl (%[address]), %[value]", : [value] "=&r"(value) : [address] "r"(address), RESUME : "memory");
  resume = 0;
  return taken.count != before;
}
