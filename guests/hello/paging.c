/* Page tables: the first 4 MiB one to one in 4 KiB pages with the sections' rights, up to 64 MiB in 4 MiB pages, and a
 * window of pages for the commands fault and smc. */
#include "hello.h"

enum { PRESENT = 1, WRITABLE = 2, USER = 4, LARGE = 0x80 };

extern char text_start[], text_end[], user_start[], user_data_start[], smc_page[];

static u32 directory[1024] __attribute__((aligned(4096)));
static u32 low_table[1024] __attribute__((aligned(4096)));
static u32 test_table[1024] __attribute__((aligned(4096)));
static u8 test_pages[2][PAGE_SIZE] __attribute__((aligned(4096)));

static void map_low(void) {
  for (u32 i = 1; i < 1024; i++) low_table[i] = i * PAGE_SIZE | PRESENT | WRITABLE; /* page 0 stays absent: null pointers fault */
  for (u32 page = (u32)text_start; page < (u32)text_end; page += PAGE_SIZE) low_table[page >> 12] = page | PRESENT;
  low_table[(u32)user_start >> 12] |= USER;
  low_table[(u32)user_data_start >> 12] |= USER;
  directory[0] = (u32)low_table | PRESENT | WRITABLE | USER;
  for (u32 i = 1; i < 16; i++) directory[i] = i << 22 | LARGE | PRESENT | WRITABLE;
}

static void map_test(u32 linear, void *page, u32 rights) { test_table[(linear >> 12) & 1023] = (u32)page | PRESENT | rights; }

void paging_start(void) {
  map_low();
  map_test(TEST_READ_ONLY, test_pages[0], USER);
  map_test(TEST_WRITABLE, test_pages[1], USER | WRITABLE);
  map_test(TEST_SMC_ALIAS, smc_page, WRITABLE);
  directory[TEST_BASE >> 22] = (u32)test_table | PRESENT | WRITABLE | USER;
  u32 cr0, cr4;
  __asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
  __asm__ volatile("movl %0, %%cr4" : : "r"(cr4 | 0x10)); /* PSE */
  __asm__ volatile("movl %0, %%cr3" : : "r"(directory) : "memory");
  __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("movl %0, %%cr0; jmp 1f; 1:" : : "r"(cr0 | 0x80010000) : "memory"); /* PG, WP */
}
