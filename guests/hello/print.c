/* Formatted output and the few library functions the guest needs. */
#include "hello.h"

static void print_text(const char *text, u32 width) {
  u32 length = 0;
  for (; text[length]; length++) serial_put(text[length]);
  for (; length < width; length++) serial_put(' ');
}

static void print_number(u32 value, u32 base, u32 width, char fill) {
  char digits[12];
  u32 count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  for (; width > count; width--) serial_put(fill);
  while (count) serial_put(digits[--count]);
}

void print(const char *format, ...) {
  const u32 *argument = (const u32 *)&format + 1;
  for (; *format; format++) {
    if (*format != '%') {
      serial_put(*format);
      continue;
    }
    char fill = *++format == '0' ? '0' : ' ';
    u32 width = 0;
    while (*format >= '0' && *format <= '9') width = width * 10 + (u32)(*format++ - '0');
    u32 value = *argument++;
    if (*format == 'd' && (int)value < 0) {
      serial_put('-');
      value = -value;
    }
    if (*format == 's') print_text((const char *)value, width);
    else if (*format == 'c') serial_put((char)value);
    else print_number(value, *format == 'x' ? 16 : 10, width, fill);
  }
}

int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

u32 number(const char *text) {
  u32 value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (u32)(*text++ - '0');
  return value;
}

void *memcpy(void *to, const void *from, u32 count) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return result;
}

void *memset(void *to, int value, u32 count) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return result;
}
