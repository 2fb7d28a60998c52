/* Direct tests: instructions and data that lie across the end of a page, the two pages being in frames that do not follow
 * one another, one of them absent or read-only in part of the tests. */
#include "harness.h"

#define END (WINDOW + 17 * PAGE) /* the first byte of the second page */
#define FIRST FRAME(9)
#define SECOND FRAME(4)

u32 stack_across(u32 top), exchange_across(u32 address);

static void map_both(u32 second) {
  map(END - PAGE, FIRST, P | W);
  map(END, SECOND, second);
  flush(END - PAGE);
  flush(END);
}

/* One byte of what lies `offset` bytes from the end, by its frame. */
static u8 physical(int offset) { return offset < 0 ? read8(FIRST + PAGE + (u32)offset) : read8(SECOND + (u32)offset); }

static void reads_and_writes(void) {
  map_both(P | W);
  u32 wrong32 = 0, wrong16 = 0, wrong_store = 0;
  for (int i = -8; i < 8; i++) write8(END + (u32)i, (u8)(0x80 + i));
  for (int i = -4; i <= 0; i++) {
    u32 expected = 0;
    for (int byte = 3; byte >= 0; byte--) expected = expected << 8 | physical(i + byte);
    wrong32 += read32(END + (u32)i) != expected;
    wrong16 += *(volatile u16 *)(END + (u32)i) != (u16)expected;
  }
  check("doubleword reads", wrong32, 0);
  check("word reads", wrong16, 0);
  for (int i = -4; i <= 0; i++) {
    memset((void *)(END - 8), 0, 16);
    write32(END + (u32)i, 0x44332211);
    for (int byte = -8; byte < 8; byte++) wrong_store += physical(byte) != (byte >= i && byte < i + 4 ? 0x11 * (byte - i + 1) : 0);
  }
  check("doubleword writes, neighbours left alone", wrong_store, 0);
  u32 sum = 0;
  write32(END - 2, 0);
  for (u32 i = 0; i < 20000; i++) {
    write32(END - 2, read32(END - 2) + i);
    sum += read32(END - 1) & 0xff;
  }
  check("hot loop across the end", read32(END - 2), 20000 * 19999 / 2);
  check("hot loop: partly overlapping reads", sum != 0, 1);
}

static void read_modify_writes(void) {
  map_both(P | W);
  write32(END - 3, 0x00ffffff);
  __asm__ volatile("incl (%0)" : : "r"(END - 3) : "memory", "cc");
  check("INC carries over the end", read32(END - 3), 0x01000000);
  write32(END - 1, 1);
  __asm__ volatile("lock addl %1, (%0)" : : "r"(END - 1), "r"(0x10203040) : "memory", "cc");
  check("LOCK ADD", read32(END - 1), 0x10203041);
  check("XCHG, CMPXCHG, CMPXCHG8B, BTS, XADD", exchange_across(END - 2), 0x1f);
}

static void faults(void) {
  map_both(0);
  memset((void *)FIRST, 0x77, PAGE);
  memset((void *)SECOND, 0x77, PAGE);
  check("read, second absent: faults", (u32)read_faults(END - 1), 1);
  check("read, second absent: CR2", taken.cr2, END);
  check("write, second absent: faults", (u32)write_faults(END - 3, 0) << 8 | taken.error, 1 << 8 | 2);
  check("write, second absent: CR2", taken.cr2, END);
  check("write, second absent: nothing stored", read32(FIRST + PAGE - 4), 0x77777777);
  map_both(P);
  check("write, second read-only: faults", (u32)write_faults(END - 2, 0) << 8 | taken.error, 1 << 8 | 3);
  check("write, second read-only: CR2", taken.cr2, END);
  check("write, second read-only: nothing stored", read32(END - 2), 0x77777777);
  u32 before = taken.count;
  PROVOKE("lock incl (%[address])", : : [address] "r"(END - 1), RESUME : "memory", "cc");
  check("LOCK INC, second read-only: faults", taken.count - before, 1);
  check("LOCK INC, second read-only: nothing stored", read32(END - 1), 0x77777777);
  map(END - PAGE, FIRST, 0);
  map(END, SECOND, P | W);
  flush(END - PAGE), flush(END);
  check("write, first absent: faults", (u32)write_faults(END - 2, 0), 1);
  check("write, first absent: CR2", taken.cr2, END - 2);
  check("write, first absent: nothing stored", read32(SECOND), 0x77777777);
  resume = 0;
}

static void stack(void) {
  map_both(P | W);
  u32 wrong = 0;
  for (u32 i = 0; i < 40; i++) wrong += stack_across(END + i) != 0x2a;
  check("PUSH, POP, CALL, RET, PUSHA, ENTER at every offset", wrong, 0);
}

/* MOV EAX, imm32; RET placed so that the first page holds its first 1 to 5 bytes. */
static void put_code(u32 inside, u32 value) {
  u8 code[6] = {0xb8, (u8)value, (u8)(value >> 8), (u8)(value >> 16), (u8)(value >> 24), 0xc3};
  memcpy((void *)(END - inside), code, sizeof code);
}

static void instructions(void) {
  u32 wrong = 0, sum = 0;
  map_both(P | W);
  for (u32 inside = 0; inside <= 6; inside++) {
    put_code(inside, 0x12345678 + inside);
    wrong += call(END - inside) != 0x12345678 + inside;
  }
  check("code at every offset", wrong, 0);
  put_code(3, 5);
  for (u32 i = 0; i < 10000; i++) sum += call(END - 3);
  check("code across the end, hot", sum, 50000);
  write8(SECOND, 1);
  check("second page changed by its physical address", call(END - 3), 0x010005);
  write8(FIRST + PAGE - 2, 7);
  check("first page changed by its physical address", call(END - 3), 0x010007);
  memcpy((void *)FRAME(12), (void *)SECOND, PAGE);
  write8(FRAME(12), 3);
  map(END, FRAME(12), P);
  flush(END);
  check("second page remapped", call(END - 3), 0x030007);
}

static volatile u32 repaired_at, repaired_error;
static void bring_second(u32 cr2) {
  repaired_at = cr2;
  repaired_error = taken.error;
  map(END, SECOND, P);
}

static void fetch_faults(void) {
  u32 wrong = 0;
  for (u32 inside = 1; inside <= 5; inside++) {
    map_both(P | W);
    put_code(inside, 99);
    map_both(0);
    repair = bring_second;
    repaired_at = 0;
    wrong += call(END - inside) != 99;
    /* the instruction that crosses is the MOV, or with all its bytes on the first page the RET behind it */
    wrong += repaired_at != END || repaired_error != 0 || taken.eip != (inside < 5 ? END - inside : END);
  }
  repair = 0;
  check("fetch from an absent second page: CR2, EIP, tried again", wrong, 0);
  map_both(P | W);
  put_code(3, 42);
  u32 sum = 0;
  for (u32 i = 0; i < 5000; i++) sum += call(END - 3);
  map(END, SECOND, 0);
  flush(END);
  repair = bring_second;
  repaired_at = 0;
  sum += call(END - 3);
  repair = 0;
  check("second page taken from hot code: faults", repaired_at, END);
  check("second page taken from hot code: result", sum, 5001 * 42);
}

/* A loop that runs over the page end on every turn, built from INC EAX. */
static void loop_across(void) {
  map_both(P | W);
  u32 start = END - 40;
  u8 *code = (u8 *)start;
  memset(code, 0x40, 80);
  memcpy(code, "\x31\xc0\xb9\x10\x27\x00\x00", 7);          /* xor eax, eax; mov ecx, 10000 */
  memcpy(code + 80, "\x49\x0f\x85\xb0\xff\xff\xff\xc3", 8); /* dec ecx; jnz -80, to the first INC; ret */
  check("loop over the page end", call(start), 73 * 10000);
  write8(SECOND + 5, 0x90);
  check("loop over the page end, one INC removed", call(start), 72 * 10000);
}

void test_main(void) {
  reads_and_writes();
  read_modify_writes();
  faults();
  stack();
  instructions();
  fetch_faults();
  loop_across();
}
