/* Direct tests: repeated string instructions that meet page faults keep the iterations they have done, and go on. */
#include "harness.h"

static volatile u32 repaired;
static void demand(u32 cr2) {
  map(cr2 & ~(PAGE - 1), FRAME(0x100 + ((cr2 - WINDOW) >> 12)), P | W);
  repaired++;
}

static void unmap_all(void) {
  memset(window_table, 0, PAGE);
  flush_all();
  repaired = 0;
}

static u8 pattern(u32 i) { return (u8)(i * 7 + (i >> 8)); }

/* Pages 0-15 hold a pattern; pages 32-47 are absent until they are touched. */
static void prepare(void) {
  for (u32 i = 0; i < 16 * PAGE; i++) write8(FRAME(0x100) + i, pattern(i));
  for (u32 i = 32; i < 50; i++) memset((void *)FRAME(0x100 + i), 0xee, PAGE);
  unmap_all();
}

#define SOURCE WINDOW
#define TARGET (WINDOW + 32 * PAGE)

static u32 differences(u32 target, u32 source, u32 count) {
  u32 wrong = 0;
  for (u32 i = 0; i < count; i++) wrong += read8(target + i) != read8(source + i);
  return wrong;
}

#define REP(instruction, c, s, d) \
  __asm__ volatile(instruction : "+c"(c), "+S"(s), "+D"(d) : : "memory", "cc")

static void copies(void) {
  prepare();
  repair = demand;
  u32 c = 10 * PAGE + 5, s = SOURCE + 3, d = TARGET + 11;
  REP("rep movsb", c, s, d);
  check("MOVSB: ends", c | (s - SOURCE - 3 - 10 * PAGE - 5) | (d - TARGET - 11 - 10 * PAGE - 5), 0);
  check("MOVSB: pages mapped on demand", repaired, 22);
  check("MOVSB: bytes", differences(TARGET + 11, SOURCE + 3, 10 * PAGE + 5), 0);
  check("MOVSB: byte before and after", read8(TARGET + 10) << 8 | read8(TARGET + 11 + 10 * PAGE + 5), 0xeeee);
  prepare();
  c = 2 * PAGE, s = SOURCE + 1, d = TARGET + 2;
  REP("rep movsl", c, s, d);
  check("MOVSD across page ends: ends", c | (s - SOURCE - 1 - 8 * PAGE) | (d - TARGET - 2 - 8 * PAGE), 0);
  check("MOVSD across page ends: bytes", differences(TARGET + 2, SOURCE + 1, 8 * PAGE), 0);
  prepare();
  c = 3 * PAGE, s = SOURCE + 6 * PAGE + 1, d = TARGET + 6 * PAGE + 1;
  REP("std; rep movsw; cld", c, s, d);
  check("MOVSW backwards: ends", c | (SOURCE + 1 - s) | (TARGET + 1 - d), 0);
  check("MOVSW backwards: bytes", differences(TARGET + 3, SOURCE + 3, 6 * PAGE), 0);
  repair = 0;
}

static void fills(void) {
  prepare();
  repair = demand;
  u32 c = 5 * PAGE / 4, s = 0, d = TARGET + 2;
  __asm__ volatile("rep stosl" : "+c"(c), "+D"(d) : "a"(0x04030201) : "memory");
  u32 wrong = 0;
  for (u32 i = 0; i < 5 * PAGE; i++) wrong += read8(TARGET + 2 + i) != (i & 3) + 1;
  check("STOSD across page ends: ends", c | s | (d - TARGET - 2 - 5 * PAGE), 0);
  check("STOSD across page ends: bytes", wrong, 0);
  check("STOSD: pages mapped on demand", repaired, 6);
  repair = 0;
}

static void compares(void) {
  prepare();
  repair = demand;
  u32 c = 8 * PAGE, s = SOURCE, d = TARGET, sum;
  REP("rep movsb", c, s, d);
  for (u32 i = 0; i < 8; i++) *entry_of(TARGET + i * PAGE) = 0;
  flush_all();
  write8(FRAME(0x100 + 32) + 5 * PAGE + 77, 0);
  write8(FRAME(0x100) + 5 * PAGE + 77, 1);
  c = 8 * PAGE, s = SOURCE, d = TARGET;
  REP("repe cmpsb", c, s, d);
  check("CMPSB stops at the difference", c << 16 | (s - SOURCE), (8 * PAGE - 5 * PAGE - 78) << 16 | (5 * PAGE + 78));
  memset((void *)FRAME(0x100 + 32), 'x', 8 * PAGE);
  write8(FRAME(0x100 + 32) + 6 * PAGE + 3, 'y');
  for (u32 i = 0; i < 8; i++) *entry_of(TARGET + i * PAGE) = 0;
  flush_all();
  c = 8 * PAGE, d = TARGET;
  __asm__ volatile("repne scasb" : "+c"(c), "+D"(d) : "a"('y') : "memory", "cc");
  check("SCASB stops at the match", d - TARGET, 6 * PAGE + 4);
  c = 3 * PAGE / 4, s = SOURCE;
  unmap_all();
  write32(FRAME(0x100) + 3 * PAGE - 4, 0xfeedface);
  __asm__ volatile("rep lodsl" : "+c"(c), "+S"(s), "=a"(sum) : : "memory");
  check("LODSD loads the last", sum, 0xfeedface);
  check("LODSD: pages mapped on demand", repaired, 3);
  repair = 0;
}

/* What the registers say when the fault is taken. */
static void state_at_fault(void) {
  prepare();
  map(SOURCE, FRAME(0x100), P | W);
  map(TARGET, FRAME(0x120), P | W);
  u32 c = 100, s = SOURCE, d = TARGET + PAGE - 37;
  PROVOKE("rep movsb", : "+c"(c), "+S"(s), "+D"(d) : RESUME : "memory");
  check("destination fault: CR2", taken.cr2, TARGET + PAGE);
  check("destination fault: error code", taken.error, 2);
  check("destination fault: registers", (c << 24) | (s - SOURCE) << 12 | (d - TARGET - PAGE), 63 << 24 | 37 << 12);
  check("destination fault: RF or not, EIP at the instruction", read8(taken.eip) << 8 | read8(taken.eip + 1), 0xf3a4);
  c = 50, s = SOURCE + PAGE - 8, d = TARGET;
  PROVOKE("rep movsl", : "+c"(c), "+S"(s), "+D"(d) : RESUME : "memory");
  check("source fault: CR2", taken.cr2, SOURCE + PAGE);
  check("source fault: error code", taken.error, 0);
  check("source fault: registers", (c << 24) | (s - SOURCE) << 12 | (d - TARGET), 48u << 24 | PAGE << 12 | 8);
  c = 10, s = SOURCE + PAGE - 6, d = TARGET;
  PROVOKE("rep movsl", : "+c"(c), "+S"(s), "+D"(d) : RESUME : "memory");
  check("source across the page end: CR2", taken.cr2, SOURCE + PAGE);
  check("source across the page end: registers", (c << 24) | (s - SOURCE), 9u << 24 | (PAGE - 2));
  write32(TARGET + PAGE - 4, 0x11223344);
  c = 10, d = TARGET + PAGE - 2;
  PROVOKE("rep stosl", : "+c"(c), "+D"(d) : "a"(0), RESUME : "memory");
  check("store across the page end: nothing stored", read32(TARGET + PAGE - 4), 0x11223344);
  check("store across the page end: registers", c << 16 | (d - TARGET), 10 << 16 | (PAGE - 2));
  c = 40, s = SOURCE, d = TARGET + PAGE + 19;
  PROVOKE("std; rep movsb; cld", : "+c"(c), "+S"(s), "+D"(d) : RESUME : "memory", "cc");
  __asm__ volatile("cld");
  check("backwards into an absent page: CR2", taken.cr2, TARGET + PAGE + 19);
  check("backwards into an absent page: nothing done", c, 40);
  resume = 0;
}

static void nothing_to_do(void) {
  u32 before = taken.count, c = 0, s = WINDOW + 100 * PAGE, d = WINDOW + 101 * PAGE;
  REP("rep movsb", c, s, d);
  REP("rep movsl", c, s, d);
  __asm__ volatile("rep stosl; repe cmpsb; repne scasb; rep lodsb" : "+c"(c), "+S"(s), "+D"(d) : "a"(0) : "memory", "cc");
  check("a count of 0 touches nothing", taken.count - before, 0);
}

static void overlaps(void) {
  prepare();
  repair = demand;
  write8(SOURCE, 0x5a);
  u32 c = 3 * PAGE, s = SOURCE, d = SOURCE + 1, wrong = 0;
  REP("rep movsb", c, s, d);
  for (u32 i = 0; i <= 3 * PAGE; i++) wrong += read8(SOURCE + i) != 0x5a;
  check("overlap by one byte repeats it", wrong, 0);
  write32(SOURCE, 0x04030201);
  c = PAGE, s = SOURCE, d = SOURCE + 3, wrong = 0;
  REP("rep movsl", c, s, d);
  u8 seen[3] = {read8(SOURCE + 3), read8(SOURCE + 4), read8(SOURCE + 5)};
  check("overlap of dwords by three bytes", seen[0] << 16 | seen[1] << 8 | seen[2], 0x010203);
  repair = 0;
  resume = 0;
}

void test_main(void) {
  copies();
  fills();
  compares();
  state_at_fault();
  nothing_to_do();
  overlaps();
}
