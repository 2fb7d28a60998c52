/* What every case of the system tests has: a processor state to start from, tables it may spoil, and the state it ended in. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Low memory of the cases: flat code sees these addresses, based segments and virtual-8086 mode see offsets. */
enum { REAL = 0x10000, CODE = 0x20000, DATA = 0x30000, STACK = 0x40000, STACK3 = 0x50000, HANDLER = 0x60000, SECOND = 0x70000 };
/* Stack pointers at the start of a case: offset in the stack's 64 KiB. */
enum { TOP = 0x1000 };

/* Selectors. Sn: spare descriptors for a case to fill. */
enum {
  C0 = 0x08, D0 = 0x10, C3 = 0x1b, D3 = 0x23, TSS = 0x28, TSS_DF = 0x30, LDT = 0x38,
  C0_16 = 0x40, D0_16 = 0x48, C3_16 = 0x53, D3_16 = 0x5b, CONFORMING = 0x60,
  C1 = 0x69, D1 = 0x71, C2 = 0x7a, D2 = 0x82,
  S0 = 0x88, S1 = 0x90, S2 = 0x98, S3 = 0xa0, S4 = 0xa8, S5 = 0xb0,
  TSS2 = 0xb8, TSS3 = 0xc0, TSS16 = 0xc8, H0_16 = 0xd0, R0_16 = 0xd8, GDT_SIZE = 0x100,
};
/* Access bytes. */
enum {
  PRESENT = 0x80, DPL0 = 0, DPL1 = 0x20, DPL2 = 0x40, DPL3 = 0x60,
  READ_ONLY = 0x10, WRITABLE = 0x12, DOWN = 0x16, EXECUTE_ONLY = 0x18, READABLE = 0x1a, CONFORM = 0x1e, ACCESSED = 1,
  TYPE_TSS16 = 1, TYPE_LDT = 2, TYPE_CALL16 = 4, TYPE_TASK = 5, TYPE_INT16 = 6, TYPE_TRAP16 = 7,
  TYPE_TSS32 = 9, TYPE_BUSY32 = 11, TYPE_CALL32 = 12, TYPE_INT32 = 14, TYPE_TRAP32 = 15,
};
/* Flags nibble of a descriptor. */
enum { BIG = 4, PAGES = 8 };
enum { CF = 1, ZF = 0x40, TF = 0x100, IF = 0x200, DF = 0x400, OF = 0x800, IOPL3 = 0x3000, NT = 0x4000, RF = 0x10000, VM = 0x20000, AC = 0x40000 };

struct state {
  u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
  u32 eip, eflags, es, cs, ss, ds, fs, gs;
  u32 vector, error, cr2;
};
/* The state a case starts in and the one it ended in. */
extern struct state in, out;

struct tss {
  u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
  u32 es, cs, ss, ds, fs, gs, ldt;
  u16 trap, map;
  u8 bits[0x2000 + 4];
} __attribute__((packed, aligned(4)));
extern struct tss tss, tss_df, tss2, tss3;
struct tss16 {
  u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
} __attribute__((packed, aligned(4)));
extern struct tss16 tss16;

extern u64 gdt[GDT_SIZE / 8], ldt[8], idt[256];

u64 segment(u32 base, u32 limit, u32 access, u32 flags);
u64 gate(u32 access, u32 selector, u32 offset, u32 count);
void describe(u32 selector, u64 descriptor); /* in the GDT, or with bit 2 in the LDT */

/* A snippet of machine code in Intel syntax: assembled in place, copied to CODE when its case runs, ended by INT 0xFF. */
struct snippet {
  const u8 *start, *end;
};
#define SNIPPET(text)                                                                                      \
  ({                                                                                                       \
    struct snippet s_;                                                                                     \
    __asm__ volatile(".pushsection .snippets, \"ax\"\n.intel_syntax noprefix\n771:\n" text "\n772: int 0xff\n.code32\n" \
                     ".att_syntax prefix\n.popsection\n\tmovl $771b, %0\n\tmovl $772b, %1"            \
                     : "=&r"(s_.start), "=&r"(s_.end));                                                     \
    s_;                                                                                                    \
  })
#define X16 ".code16\n"

void fill_idt(void);                   /* as at the start of a case */
void begin(void);                      /* all tables and `in` as they are at the start of every case */
void load(u32 address, struct snippet); /* copies a snippet and its INT 0xFF there */
void start(struct snippet);            /* load at CODE */
void finish(const char *name);         /* runs, prints the line */
#define CASE(name, text, ...) \
  do {                        \
    begin();                  \
    start(SNIPPET(text));     \
    __VA_ARGS__;              \
    finish(name);             \
  } while (0)
#define HANDLE(text) load(HANDLER, SNIPPET(text))
/* CASE that starts outside ring 0 with flat segments. */
#define RING_CASE(cpl, name, text, ...) CASE(name, text, ring(cpl), ##__VA_ARGS__)

/* Starting states other than ring 0 with flat 32-bit segments. */
void ring(u32 cpl);    /* flat, rings 1 to 3, stack at STACK3 */
void code16(void);     /* ring 0, CS and SS 16-bit and based, DS ES flat */
void v86(u32 iopl);    /* segments CODE, DATA, STACK3 */
void real(void);       /* the same in real mode; vectors come through a table of their own at IVT */

/* What real mode finds at REAL: the state at start and end, selectors that give segments their hidden parts, table registers. */
enum { IVT = REAL + 0x2000 };
struct low {
  u32 state[18];
  u16 es, ss, ds, fs, gs, unused;
  u16 idt_limit;
  u32 idt_base;
  u16 protected_limit;
  u32 protected_base;
  u16 ip, cs;
} __attribute__((packed));
#define LOW ((volatile struct low *)REAL)
void vector16(u32 vector, u32 address); /* in the table of real mode */

/* Prints memory after the case. */
void watch(u32 address, u32 count);   /* dwords */
void watch8(u32 address, u32 count);  /* bytes */
void watch16(u32 address, u32 count); /* words */
void trace(u32 limit);                /* log up to so many debug exceptions and go on */
extern u32 show_rf;                   /* RF of the pushed EFLAGS is part of the result */
extern u32 quiet_registers;           /* registers are not part of the result */

void group(const char *title);
/* The emulator named gets the next case wrong: why, and where the manual says so. */
void differs(const char *emulator, const char *reason);
void differs_all(const char *emulator, const char *reason); /* the rest of the group */
void raise_irq0(void); /* IRQ 0 pending and not masked, interrupts still off */
extern u32 real_mode;
u32 is_tcg(void); /* for the cases that end QEMU itself */
void print(const char *text);
void print_hex(u32 value);
const char *numbered(const char *text, u32 number); /* a case's name with two digits, until the next one */

void *memcpy(void *to, const void *from, u32 count);
void *memset(void *to, int value, u32 count);
static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline void poke32(u32 address, u32 value) { *(volatile u32 *)address = value; }
static inline void poke16(u32 address, u32 value) { *(volatile u16 *)address = (u16)value; }
static inline void poke8(u32 address, u32 value) { *(volatile u8 *)address = (u8)value; }
static inline u32 peek32(u32 address) { return *(volatile u32 *)address; }

void segment_cases(void);
void query_cases(void);
void limit_cases(void);
void transfer_cases(void);
void interrupt_cases(void);
void task_cases(void);
void debug_cases(void);
void system_cases(void);
void v86_cases(void);
void virtual_cases(void);
void wrap_cases(void);
void real_cases(void);
void delivery_cases(void);
void fpu_cases(void);
void apic_cases(void);
void paging_cases(void);
