/* Direct tests: page-table entries and table pages that are changed, freed and used again. */
#include "harness.h"

#define A WINDOW
#define B (WINDOW + PAGE)

static void remap(void) {
  write32(FRAME(0), 0x1111), write32(FRAME(1), 0x2222);
  map(A, FRAME(0), P | W);
  check("new entry is used without a flush", read32(A), 0x1111);
  map(A, FRAME(1), P | W);
  flush(A);
  check("remapped, INVLPG", read32(A), 0x2222);
  map(A, FRAME(0), P | W);
  flush_all();
  check("remapped, CR3 written", read32(A), 0x1111);
  u32 sum = 0;
  for (u32 i = 0; i < 3000; i++) {
    map(A, FRAME(i & 1), P | W);
    flush(A);
    sum += read32(A);
  }
  check("remapped in a hot loop", sum, 1500 * 0x3333);
  for (u32 i = 0; i < 3000; i++) {
    map(A, FRAME(2 + (i & 1)), P | W);
    flush_all();
    write32(A, i);
  }
  check("writes followed the mapping", read32(FRAME(2)) << 16 | read32(FRAME(3)), 2998 << 16 | 2999);
}

static void rights(void) {
  map(A, FRAME(0), P | W);
  flush(A);
  write32(A, 1);
  map(A, FRAME(0), P);
  flush(A);
  check("made read-only: write faults", (u32)write_faults(A, 2), 1);
  check("made read-only: error code", taken.error, 3);
  check("made read-only: value kept", read32(A), 1);
  map(A, FRAME(0), P | W);
  flush(A);
  check("made writable again", (u32)write_faults(A, 2), 0);
  map(A, FRAME(0), 0);
  flush(A);
  check("made absent: read faults", (u32)read_faults(A + 8), 1);
  check("made absent: CR2", taken.cr2, A + 8);
  map(A, FRAME(0), P | W);
  check("present after a fault without a flush", read32(A), 2);
  directory[WINDOW >> 22] &= ~(u32)W;
  flush_all();
  check("directory made read-only: write faults", (u32)write_faults(A, 3), 1);
  directory[WINDOW >> 22] |= W;
  flush_all();
  check("directory made writable: no fault", (u32)write_faults(A, 3), 0);
}

static void accessed_and_dirty(void) {
  map(B, FRAME(4), P | W);
  directory[WINDOW >> 22] &= ~(u32)ACCESSED;
  flush_all();
  check("A and D clear before", *entry_of(B) & (ACCESSED | DIRTY), 0);
  read32(B);
  check("read sets A", *entry_of(B) & (ACCESSED | DIRTY), ACCESSED);
  check("walk sets A of the directory", directory[WINDOW >> 22] & ACCESSED, ACCESSED);
  write32(B, 1);
  check("write after a read sets D", *entry_of(B) & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  *entry_of(B) &= ~(u32)(ACCESSED | DIRTY);
  flush(B);
  write32(B, 2);
  check("cleared and set again", *entry_of(B) & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  map(B, FRAME(4), P);
  flush(B);
  write_faults(B, 3);
  check("a write that faults sets no D", *entry_of(B) & DIRTY, 0);
}

/* The same frame is a page table, then data, then another table. */
static void table_reuse(void) {
  u32 table = FRAME(8), slot = (WINDOW >> 22) + 1, linear = WINDOW + 0x400000, sum = 0;
  for (u32 round = 0; round < 50; round++) {
    memset((void *)table, 0, PAGE);
    for (u32 i = 0; i < 16; i++) {
      write32(FRAME(16 + i), round * 100 + i);
      write32(table + i * 4, FRAME(16 + (i + round) % 16) | P | W);
    }
    directory[slot] = table | P | W;
    flush_all();
    for (u32 i = 0; i < 16; i++) sum += (i + 1) * (read32(linear + i * PAGE) == round * 100 + (i + round) % 16);
    directory[slot] = 0;
    flush_all();
    for (u32 i = 0; i < 1024; i++) write32(table + i * 4, i ^ round);
    for (u32 i = 0; i < 1024; i++) sum += read32(table + i * 4) == (i ^ round);
  }
  check("table page freed, used as data, and as a table again", sum, 50 * (136 + 1024));
  check("absent directory entry faults", (u32)read_faults(linear), 1);
}

/* The window's table is itself mapped in the window, and changed through that mapping. */
static void self_map(void) {
  u32 self = WINDOW + 1023 * PAGE;
  map(self, (u32)window_table, P | W);
  flush(self);
  write32(FRAME(0), 0xaaaa), write32(FRAME(1), 0xbbbb);
  u32 sum = 0;
  for (u32 i = 0; i < 2000; i++) {
    write32(self, FRAME(i & 1) | P | W);
    flush(A);
    sum += read32(A) == (i & 1 ? 0xbbbb : 0xaaaa);
  }
  check("entries written through the mapped table", sum, 2000);
}

static void large_pages(void) {
  u32 slot = (WINDOW >> 22) + 2, linear = WINDOW + 0x800000;
  write32(FRAME(0x10), 0x5555);
  directory[slot] = 0x800000 | P | W | LARGE;
  flush_all();
  check("4 MiB page reads", read32(linear + 0x10 * PAGE), 0x5555);
  write32(linear + 0x3ffffc, 0x6666);
  check("4 MiB page writes its last word", read32(0x800000 + 0x3ffffc), 0x6666);
  check("4 MiB page A and D", directory[slot] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  memset((void *)FRAME(8), 0, PAGE);
  write32(FRAME(8) + 0x10 * 4, FRAME(0x11) | P | W);
  write32(FRAME(0x11), 0x7777);
  directory[slot] = FRAME(8) | P | W;
  flush(linear + 0x10 * PAGE);
  flush_all();
  check("split into 4 KiB pages", read32(linear + 0x10 * PAGE), 0x7777);
  check("split: neighbour absent", (u32)read_faults(linear + 0x12 * PAGE), 1);
  directory[slot] = 0;
  flush_all();
}

static void global_pages(void) {
  map(A, FRAME(0), P | W | GLOBAL);
  flush(A);
  write32(FRAME(0), 0x1234), write32(FRAME(1), 0x4321);
  check("global page reads", read32(A), 0x1234);
  flush_all();
  check("global page after CR3 write", read32(A), 0x1234);
  map(A, FRAME(1), P | W | GLOBAL);
  flush(A);
  check("global page remapped, INVLPG", read32(A), 0x4321);
  map(A, FRAME(0), P | W);
  u32 cr4;
  __asm__ volatile("movl %%cr4, %0; xorl $0x80, %0; movl %0, %%cr4; xorl $0x80, %0; movl %0, %%cr4" : "=&r"(cr4) : : "memory");
  check("global page remapped, CR4.PGE toggled", read32(A), 0x1234);
}

static void put_function(u32 frame, u32 result) {
  write8(frame, 0xb8);
  memcpy((void *)(frame + 1), &result, 4);
  write8(frame + 5, 0xc3);
}

/* The code at one linear address changes because its page is another one. */
static void code_pages(void) {
  put_function(FRAME(5), 7), put_function(FRAME(6), 9);
  u32 sum = 0;
  map(B, FRAME(5), P);
  flush(B);
  for (u32 i = 0; i < 5000; i++) sum += call(B);
  check("code page hot", sum, 35000);
  map(B, FRAME(6), P);
  flush(B);
  check("code page remapped, INVLPG", call(B), 9);
  sum = 0;
  for (u32 i = 0; i < 3000; i++) {
    map(B, FRAME(5 + (i & 1)), P);
    flush_all();
    sum += call(B);
  }
  check("code page remapped in a hot loop", sum, 1500 * 16);
  put_function(FRAME(5), 70);
  map(B, FRAME(5), P);
  flush(B);
  check("code page rewritten while it was not mapped", call(B), 70);
}

/* Another directory: the same linear addresses, other pages. */
static void directories(void) {
  u32 *other = (u32 *)FRAME(32), *table = (u32 *)FRAME(33), sum = 0;
  memcpy(other, directory, PAGE);
  memset(table, 0, PAGE);
  table[0] = FRAME(1) | P | W, table[1] = FRAME(6) | P;
  other[WINDOW >> 22] = (u32)table | P | W;
  map(A, FRAME(0), P | W), map(B, FRAME(5), P);
  put_function(FRAME(5), 1), put_function(FRAME(6), 2);
  flush_all();
  for (u32 i = 0; i < 4000; i++) {
    __asm__ volatile("movl %0, %%cr3" : : "r"(i & 1 ? other : directory) : "memory");
    write32(A, i);
    sum += call(B);
  }
  __asm__ volatile("movl %0, %%cr3" : : "r"(directory) : "memory");
  check("two directories: code", sum, 6000);
  check("two directories: data", read32(FRAME(0)) << 16 | read32(FRAME(1)), 3998 << 16 | 3999);
}

void test_main(void) {
  remap();
  rights();
  accessed_and_dirty();
  table_reuse();
  self_map();
  large_pages();
  global_pages();
  code_pages();
  directories();
}
