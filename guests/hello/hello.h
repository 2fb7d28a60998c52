/* What the parts of the hello guest share: types, port access, and the interfaces between its files. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define PAGE_SIZE 4096u
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_CODE 0x1b
#define USER_DATA 0x23
#define TASK_SEGMENT 0x28
#define ABSENT_SEGMENT 0x30

/* Pages of the test window at TEST_BASE (paging.c); those not listed are not present. */
#define TEST_BASE 0x40000000u
#define TEST_READ_ONLY (TEST_BASE + 0 * PAGE_SIZE)
#define TEST_ABSENT (TEST_BASE + 1 * PAGE_SIZE)
#define TEST_WRITABLE (TEST_BASE + 2 * PAGE_SIZE)
#define TEST_SMC_ALIAS (TEST_BASE + 4 * PAGE_SIZE)

/* What the interrupt stubs push, lowest address first. */
struct frame {
  u32 gs, fs, es, ds;
  u32 edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  u32 vector, error, eip, cs, eflags, user_esp, user_ss;
};

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline u32 interrupts_off(void) {
  u32 flags;
  __asm__ volatile("pushfl; popl %0; cli" : "=r"(flags) : : "memory");
  return flags;
}
static inline void interrupts_restore(u32 flags) { __asm__ volatile("pushl %0; popfl" : : "r"(flags) : "memory", "cc"); }
/* STI's shadow lets HLT start before an interrupt can be taken, so none is missed in between. */
static inline void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
static inline u64 cycles(void) {
  u64 value;
  __asm__ volatile("rdtsc" : "=A"(value));
  return value;
}

/* print.c: %s %c %u %d %x (with a width, zero-filled for 0N) */
void print(const char *format, ...);
int same(const char *a, const char *b);
u32 number(const char *text);
void *memcpy(void *to, const void *from, u32 count);
void *memset(void *to, int value, u32 count);

/* serial.c */
void serial_start(void);
void serial_interrupt(void);
void serial_put(char c);
char serial_get(void);
void serial_flush(void);

/* memory.c */
void memory_remember(const u32 *info);
const char *memory_command_line(void);
void memory_show(void);

/* paging.c */
void paging_start(void);

/* machine.c */
extern volatile u32 ticks;
void machine_start(void);
void interrupt(struct frame *frame);
void power_off(void);
void reboot(void);

/* boot.S */
extern u32 interrupt_stubs[];
void load_tables(const void *gdt, const void *idt);
void run_user(void (*code)(void));
void leave_user(void) __attribute__((noreturn));

/* the commands */
void bench(u32 rounds);
int fault_taken(struct frame *frame);
void fault(void);
void smc(void);
