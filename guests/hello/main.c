/* The hello guest: a small protected-mode kernel with paging and interrupts, and a prompt on the serial line. */
#include "hello.h"

#define LINE 80
#define MULTIBOOT_LOADER 0x2badb002u

static void help(void) {
  print("help          this list\n"
        "mem           memory map and free frames\n"
        "bench [N]     six small programs, N rounds each (4)\n"
        "fault         provokes exceptions and checks them\n"
        "smc           runs code that changes itself\n"
        "reboot        resets the machine\n"
        "halt          powers the machine off\n");
}

/* Splits "word argument" at its first blank (or colon, which stands for one in a script). */
static char *split(char *line) {
  while (*line && *line != ' ' && *line != ':') line++;
  if (*line) *line++ = 0;
  return line;
}

static void run(char *line) {
  char *argument = split(line);
  if (same(line, "")) return;
  if (same(line, "help")) help();
  else if (same(line, "mem")) memory_show();
  else if (same(line, "bench")) bench(*argument ? number(argument) : 4);
  else if (same(line, "fault")) fault();
  else if (same(line, "smc")) smc();
  else if (same(line, "reboot")) reboot();
  else if (same(line, "halt")) power_off();
  else print("%s: unknown command; try help\n", line);
}

static void read_line(char *line) {
  u32 length = 0;
  for (;;) {
    char c = serial_get();
    if (c == '\r' || c == '\n') break;
    if ((c == 8 || c == 127) && length) {
      length--;
      print("\b \b");
    } else if (c >= ' ' && c < 127 && length < LINE - 1) {
      line[length++] = c;
      serial_put(c);
    }
  }
  line[length] = 0;
  print("\n");
}

static const char *find_script(const char *text) {
  for (; *text; text++) {
    u32 i = 0;
    while ("script="[i] && text[i] == "script="[i]) i++;
    if (i == 7) return text + 7;
  }
  return 0;
}

/* Runs the commands of "script=a,b,c" as if they had been typed. */
static void run_script(const char *text) {
  while (*text && *text != ' ') {
    char line[LINE];
    u32 length = 0;
    for (; *text && *text != ' ' && *text != ','; text++) {
      if (length < LINE - 1) line[length++] = *text;
    }
    if (*text == ',') text++;
    line[length] = 0;
    print("hvm> %s\n", line);
    run(line);
  }
}

void main(u32 magic, const u32 *info) {
  if (magic == MULTIBOOT_LOADER) memory_remember(info);
  paging_start();
  machine_start();
  serial_start();
  __asm__ volatile("sti");
  print("hvmjs hello guest: protected mode, paging, interrupts\n");
  const char *script = find_script(memory_command_line());
  if (script) run_script(script);
  else print("type help for the commands\n");
  for (;;) {
    char line[LINE];
    print("hvm> ");
    read_line(line);
    run(line);
  }
}
