/* What the loader said about memory and the command line (multiboot-1 specification, 3.3), copied before paging is on. */
#include "hello.h"

#define REGIONS 16

extern char kernel_end[], text_start[];

struct region {
  u64 base, length;
  u32 type;
};

static struct region regions[REGIONS];
static u32 region_count;
static char command_line[256];

const char *memory_command_line(void) { return command_line; }

static void remember_map(const u8 *entry, u32 length) {
  const u8 *end = entry + length;
  while (entry < end && region_count < REGIONS) {
    /* size u32 (not counting itself), then base u64, length u64, type u32 */
    memcpy(&regions[region_count++], entry + 4, 20);
    entry += *(const u32 *)entry + 4;
  }
}

/* info: flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr */
void memory_remember(const u32 *info) {
  if (info[0] & 4) {
    const char *from = (const char *)info[4];
    for (u32 i = 0; i < sizeof command_line - 1 && from[i]; i++) command_line[i] = from[i];
  }
  if (info[0] & 0x40) remember_map((const u8 *)info[12], info[11]);
  else if (info[0] & 1) {
    regions[0] = (struct region){0, (u64)info[1] << 10, 1};
    regions[1] = (struct region){0x100000, (u64)info[2] << 10, 1};
    region_count = 2;
  }
}

static u32 frames_of(const struct region *region) {
  u32 first = (u32)((region->base + PAGE_SIZE - 1) >> 12);
  u32 end = (u32)((region->base + region->length) >> 12);
  return end > first ? end - first : 0;
}

void memory_show(void) {
  u32 usable = 0;
  for (u32 i = 0; i < region_count; i++) {
    const struct region *region = &regions[i];
    u64 last = region->base + region->length - 1;
    print("%08x%08x-%08x%08x %s\n", (u32)(region->base >> 32), (u32)region->base, (u32)(last >> 32), (u32)last,
          region->type == 1 ? "usable" : "reserved");
    if (region->type == 1) usable += frames_of(region);
  }
  u32 kernel = ((u32)kernel_end - (u32)text_start) / PAGE_SIZE;
  print("frames: %u usable, %u of them the kernel's, %u free (%u MiB)\n", usable, kernel, usable - kernel, (usable - kernel) >> 8);
}
