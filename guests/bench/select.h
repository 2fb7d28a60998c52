/* Finds the kernel that "bench=NAME,ROUNDS" in a command line names, and writes its result line. */
#pragma once
#include "bench.h"

extern const struct kernel __start_kernels[], __stop_kernels[];

static const struct kernel *find_kernel(const char *command_line, const char **behind) {
  static const char key[] = "bench=";
  for (const char *at = command_line; *at; at++) {
    u32 k = 0;
    while (key[k] && at[k] == key[k]) k++;
    if (key[k]) continue;
    for (const struct kernel *kernel = __start_kernels; kernel < __stop_kernels; kernel++) {
      const char *p = at + k, *name = kernel->name;
      while (*name && *p == *name) p++, name++;
      if (*name || *p != ',') continue;
      *behind = p + 1;
      return kernel;
    }
  }
  return 0;
}

static u32 parse_number(const char **text) {
  u32 n = 0;
  while (**text >= '0' && **text <= '9') n = n * 10 + (*(*text)++ - '0');
  return n;
}

/* "RESULT xxxxxxxx" and a line feed into 17 bytes. */
static void write_result(char *line, u32 sum) {
  static const char word[] = "RESULT ";
  for (u32 i = 0; i < 7; i++) line[i] = word[i];
  for (u32 i = 0; i < 8; i++) line[7 + i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
  line[15] = '\n';
  line[16] = 0;
}
