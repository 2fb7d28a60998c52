/* Direct tests: CR0.WP decides whether the kernel may write to read-only pages, from the next instruction on. */
#include "harness.h"

#define A WINDOW
#define B (WINDOW + PAGE)

static void set_wp(u32 on) {
  u32 cr0;
  __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
  cr0 = on ? cr0 | 0x10000 : cr0 & ~0x10000u;
  __asm__ volatile("movl %0, %%cr0" : : "r"(cr0) : "memory");
}

static void toggles(const char *const names[3], u32 rights) {
  map(A, FRAME(0), P | rights);
  flush(A);
  write32(FRAME(0), 0);
  set_wp(1);
  check(names[0], (u32)write_faults(A, 1) << 8 | taken.error, 1 << 8 | 3);
  set_wp(0);
  check(names[1], (u32)write_faults(A, 2) << 8 | read32(FRAME(0)), 2);
  set_wp(1);
  check(names[2], (u32)write_faults(A, 3) << 8 | read32(FRAME(0)), 1 << 8 | 2);
}

static void hot(void) {
  u32 faults = 0, stored = 0;
  map(A, FRAME(0), P);
  flush(A);
  for (u32 i = 1; i <= 4000; i++) {
    set_wp(i & 1);
    faults += (u32)write_faults(A + 8, i);
    stored += read32(FRAME(0) + 8) == (i & ~1u);
  }
  set_wp(1);
  check("toggled in a hot loop: faults", faults, 2000);
  check("toggled in a hot loop: stores", stored, 4000 - (read32(FRAME(0) + 8) != 4000));
}

static void dirty(void) {
  map(B, FRAME(1), P);
  flush(B);
  set_wp(0);
  write32(B, 5);
  check("WP off: write sets D of a read-only page", *entry_of(B) & DIRTY, DIRTY);
  set_wp(1);
  check("WP on again: faults although D is set", (u32)write_faults(B, 6), 1);
}

static void read_modify_write(void) {
  u32 before = taken.count;
  write32(FRAME(0), 100);
  PROVOKE("incl (%[address])", : : [address] "r"(A), RESUME : "memory", "cc");
  check("INC of a read-only page faults as a write", (taken.count - before) << 8 | taken.error, 1 << 8 | 3);
  PROVOKE("cmpxchgl %%ecx, (%[address])", : : [address] "r"(A), "a"(1), "c"(2), RESUME : "memory", "cc");
  check("CMPXCHG that does not store faults too", taken.count - before, 2);
  PROVOKE("xchgl %%eax, (%[address])", : : [address] "r"(A), "a"(1), RESUME : "memory");
  check("XCHG faults", taken.count - before, 3);
  PROVOKE("lock btsl $0, (%[address])", : : [address] "r"(A), RESUME : "memory", "cc");
  check("LOCK BTS faults", taken.count - before, 4);
  resume = 0;
  check("value kept", read32(A), 100);
}

/* Code on a page that is read-only: rewritten with WP off, and run. */
static void code(void) {
  static const u8 function[6] = {0xb8, 1, 0, 0, 0, 0xc3};
  u32 sum = 0;
  memcpy((void *)FRAME(2), function, sizeof function);
  map(B, FRAME(2), P);
  flush(B);
  for (u32 i = 0; i < 3000; i++) {
    set_wp(0);
    write8(B + 1, (u8)i);
    set_wp(1);
    sum += call(B) == (i & 255);
  }
  check("code rewritten with WP off", sum, 3000);
  check("code page still protected with WP on", (u32)write_faults(B, 0), 1);
}

void test_main(void) {
  static const char *const supervisor[3] = {"supervisor page, WP on: faults", "supervisor page, WP off: writes",
                                            "supervisor page, WP on again: faults"};
  static const char *const user[3] = {"user page, WP on: faults", "user page, WP off: writes", "user page, WP on again: faults"};
  toggles(supervisor, 0);
  toggles(user, U);
  hot();
  dirty();
  read_modify_write();
  code();
}
