/* The processor's part in managing memory: faults on pages that are made present, CR3 with a working set, INVLPG. */
#include "system.h"

#define WINDOW (32u << 20) /* nothing else lies from here on */
#define PAGES 64
static volatile u32 *word(u32 page) { return (volatile u32 *)(WINDOW + page * PAGE + 4 * page); }
static u32 *entry(u32 page) { return &page_tables[WINDOW / PAGE + page]; }

KERNEL(page_fault, "page-fault") {
  prepare_system();
  for (u32 page = 0; page < PAGES; page++) *word(page) = page;
  for (u32 i = 0; i < rounds; i++) {
    for (u32 page = 0; page < PAGES; page++) {
      *entry(page) &= ~1u;
      flush_page((u32)word(page));
    }
    for (u32 page = 0; page < PAGES; page++) *word(page) += i;
  }
  return mix(ticks, *word(PAGES - 1));
}

static u32 touch(u32 pages) {
  u32 sum = 0;
  for (u32 page = 0; page < pages; page++) sum += (*word(page))++;
  return sum;
}

KERNEL(cr3, "cr3") {
  u32 sum = 0;
  for (u32 page = 0; page < PAGES; page++) *word(page) = page;
  for (u32 i = 0; i < rounds * 10; i++) {
    load_cr3((u32)page_directory);
    sum += touch(32);
  }
  return sum;
}

KERNEL(invlpg, "invlpg") {
  u32 sum = 0;
  for (u32 page = 0; page < PAGES; page++) *word(page) = page;
  for (u32 i = 0; i < rounds * 1000; i++) {
    flush_page((u32)word(i % PAGES));
    sum += (*word(i % PAGES))++;
  }
  return sum;
}
