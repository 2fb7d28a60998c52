/* The command fault: provokes exceptions on purpose and checks vector, error code, CR2 and the saved EIP of each. */
#include "hello.h"

#define NO_ERROR 0u
#define ANY 0xffffffffu

static volatile u32 resume; /* where to go on after the next exception; 0: none is expected */
static volatile u32 start;  /* the instruction that is expected to fault */
static volatile u32 in_user;
static volatile struct {
  u32 vector, error, cr2, eip, cs;
} taken;
static u32 wrong;

/* Notes an expected exception and sends its frame to where the program wants to go on; 0 if none was expected. */
int fault_taken(struct frame *frame) {
  if (!resume && !in_user) return 0;
  taken.vector = frame->vector;
  taken.error = frame->error;
  taken.eip = frame->eip;
  taken.cs = frame->cs;
  __asm__ volatile("movl %%cr2, %0" : "=r"(taken.cr2));
  if (frame->cs & 3) {
    in_user = 0;
    leave_user();
  }
  frame->eip = resume;
  frame->eflags &= ~0x100u;
  resume = 0;
  return 1;
}

/* before; 1: the faulting instruction; 2: where it goes on */
#define PROVOKE(before, instruction, ...) \
  __asm__ volatile(before "\n\tmovl $1f, %c[start]\n\tmovl $2f, %c[resume]\n1:\t" instruction "\n2:\n" __VA_ARGS__)
#define AT [start] "i"(&start), [resume] "i"(&resume)

static void report(const char *name, u32 vector, u32 error, u32 cr2, u32 offset) {
  u32 at = taken.eip - start;
  int right = taken.vector == vector && taken.error == error && (cr2 == ANY || taken.cr2 == cr2) && at == offset && !resume;
  print("%s: vector %u error 0x%x", name, taken.vector, taken.error);
  if (cr2 != ANY) print(" cr2 0x%08x", taken.cr2);
  print(" eip +%u %s\n", at, right ? "ok" : "WRONG");
  if (!right) wrong++;
  taken.vector = taken.error = taken.eip = ANY;
  resume = 0;
}

static void confirm(const char *name, int right) {
  print("%s: %s\n", name, right ? "ok" : "WRONG");
  if (!right) wrong++;
}

static void arithmetic_faults(void) {
  u32 a = 7, d = 0;
  PROVOKE("", "divl %[zero]", : "+a"(a), "+d"(d) : [zero] "r"(0), AT : "memory", "cc");
  report("#DE divide by zero", 0, NO_ERROR, ANY, 0);
  confirm("#DE left eax and edx alone", a == 7 && d == 0);
  a = 0x80000000, d = ANY;
  PROVOKE("", "idivl %[minus]", : "+a"(a), "+d"(d) : [minus] "r"(-1), AT : "memory", "cc");
  report("#DE quotient too large", 0, NO_ERROR, ANY, 0);
  u32 flags = interrupts_off();
  PROVOKE("pushfl; orl $0x100, (%%esp)", "popfl; nop", : : AT : "memory", "cc");
  report("#DB single step", 1, NO_ERROR, ANY, 2);
  interrupts_restore(flags);
  PROVOKE("", "int3", : : AT : "memory");
  report("#BP int3", 3, NO_ERROR, ANY, 1);
  PROVOKE("movb $0x7f, %%al; incb %%al", "into", : : AT : "eax", "memory", "cc");
  report("#OF into", 4, NO_ERROR, ANY, 1);
  static const int bounds[2] = {-4, 9};
  PROVOKE("", "boundl %[index], (%[bounds])", : : [index] "r"(10), [bounds] "r"(bounds), AT : "memory");
  report("#BR bound", 5, NO_ERROR, ANY, 0);
}

static void instruction_faults(void) {
  PROVOKE("", "ud2", : : AT : "memory");
  report("#UD ud2", 6, NO_ERROR, ANY, 0);
  PROVOKE("", ".byte 0xf0, 0x90", : : AT : "memory");
  report("#UD lock nop", 6, NO_ERROR, ANY, 0);
  PROVOKE("movl %%cr0, %%eax; orl $8, %%eax; movl %%eax, %%cr0", "fnop", : : AT : "eax", "memory", "cc");
  __asm__ volatile("clts");
  report("#NM task switched", 7, NO_ERROR, ANY, 0);
}

static void segment_faults(void) {
  PROVOKE("", "movl %[selector], %%fs", : : [selector] "r"(0xf8), AT : "memory");
  report("#GP selector beyond the table", 13, 0xf8, ANY, 0);
  PROVOKE("", "movl %[selector], %%ss", : : [selector] "r"(0), AT : "memory");
  report("#GP null stack selector", 13, 0, ANY, 0);
  PROVOKE("", "int $0x90", : : AT : "memory");
  report("#GP gate beyond the table", 13, 0x90 * 8 + 2, ANY, 0);
  PROVOKE("", "int $0x31", : : AT : "memory");
  report("#NP gate not present", 11, 0x31 * 8 + 2, ANY, 0);
  PROVOKE("", "movl %[selector], %%gs", : : [selector] "r"(ABSENT_SEGMENT), AT : "memory");
  report("#NP segment not present", 11, ABSENT_SEGMENT, ANY, 0);
  PROVOKE("", "movl %[selector], %%ss", : : [selector] "r"(ABSENT_SEGMENT), AT : "memory");
  report("#SS stack not present", 12, ABSENT_SEGMENT, ANY, 0);
}

static void page_faults(void) {
  u32 value = 0x12345678;
  PROVOKE("", "movl (%[address]), %[value]", : [value] "+r"(value) : [address] "r"(TEST_ABSENT + 0x10), AT : "memory");
  report("#PF read, not present", 14, 0, TEST_ABSENT + 0x10, 0);
  confirm("#PF left the destination alone", value == 0x12345678);
  PROVOKE("", "movl %[value], (%[address])", : : [value] "r"(value), [address] "r"(TEST_ABSENT + 0x24), AT : "memory");
  report("#PF write, not present", 14, 2, TEST_ABSENT + 0x24, 0);
  PROVOKE("", "addl %[value], (%[address])", : : [value] "r"(value), [address] "r"(TEST_READ_ONLY + 8), AT : "memory", "cc");
  report("#PF write, read-only", 14, 3, TEST_READ_ONLY + 8, 0);
  PROVOKE("", "jmp *%[address]", : : [address] "r"(TEST_ABSENT + 0x100), AT : "memory");
  start = TEST_ABSENT + 0x100;
  report("#PF fetch, not present", 14, 0, TEST_ABSENT + 0x100, 0);
  PROVOKE("", "movl 0, %[value]", : [value] "+r"(value) : AT : "memory");
  report("#PF null pointer", 14, 0, 0, 0);
}

static void crossing_faults(void) {
  volatile u8 *end = (volatile u8 *)(TEST_WRITABLE + PAGE_SIZE - 4);
  for (u32 i = 0; i < 4; i++) end[i] = (u8)(0xa0 + i);
  PROVOKE("", "movl %[value], (%[address])", : : [value] "r"(0), [address] "r"(end + 2), AT : "memory");
  report("#PF write across a page end", 14, 2, TEST_WRITABLE + PAGE_SIZE, 0);
  confirm("#PF left the first page alone", end[2] == 0xa2 && end[3] == 0xa3);
  u32 count = 10, from = TEST_READ_ONLY, to = TEST_WRITABLE + PAGE_SIZE - 3;
  PROVOKE("", "rep movsb", : "+c"(count), "+S"(from), "+D"(to) : AT : "memory");
  report("#PF string copy across a page end", 14, 2, TEST_WRITABLE + PAGE_SIZE, 0);
  confirm("#PF kept the iterations done", count == 7 && from == TEST_READ_ONLY + 3 && to == TEST_WRITABLE + PAGE_SIZE);
}

void user_read_kernel(void), user_write_kernel(void), user_read_absent(void), user_cli(void), user_port(void), user_system_call(void);

static void user_fault(const char *name, void (*code)(void), u32 vector, u32 error, u32 cr2, u32 offset) {
  start = (u32)code;
  in_user = 1;
  run_user(code);
  report(name, vector, error, cr2, offset);
}

static void user_faults(void) {
  user_fault("user #PF read of the kernel", user_read_kernel, 14, 5, 0x100000, 0);
  user_fault("user #PF write to the kernel", user_write_kernel, 14, 7, 0x100004, 0);
  user_fault("user #PF read, not present", user_read_absent, 14, 4, TEST_ABSENT + 0x10, 0);
  user_fault("user #GP cli", user_cli, 13, 0, ANY, 0);
  user_fault("user #GP port", user_port, 13, 0, ANY, 0);
  user_fault("user system call", user_system_call, 0x30, NO_ERROR, ANY, 2);
}

void fault(void) {
  wrong = 0;
  arithmetic_faults();
  instruction_faults();
  segment_faults();
  page_faults();
  crossing_faults();
  user_faults();
  print("fault: %u wrong\n", wrong);
}
