/* An interpreter of a small register machine: one indirect jump per operation. */
#include "../bench.h"

enum { LOAD, STORE, ADD, XOR, ROTATE, ADD_CONSTANT, LOOP, MULTIPLY, INDEX, SUBTRACT, SKIP_ODD, END };
static const u8 program[] = {LOAD, 1, ADD,      2, STORE, 3, ROTATE, 0,  XOR,  3, STORE, 2, MULTIPLY, 4, ADD_CONSTANT, 17, SKIP_ODD, 2,
                             ADD,  5, SUBTRACT, 6, STORE, 5, INDEX,  0,  ADD,  7, STORE, 1, LOOP,     0, END,          0};

static NOINLINE u32 interpret(const u8 *code, u32 *r, u32 loops) {
  u32 at = 0, a = 0;
  for (;;) {
    u8 operation = code[at], x = code[at + 1];
    at += 2;
    switch (operation) {
      case LOAD: a = r[x]; break;
      case STORE: r[x] = a; break;
      case ADD: a += r[x]; break;
      case XOR: a ^= r[x]; break;
      case ROTATE: a = a << 5 | a >> 27; break;
      case ADD_CONSTANT: a += x; break;
      case MULTIPLY: a *= r[x]; break;
      case INDEX: a = r[a & 15]; break;
      case SUBTRACT: a -= r[x]; break;
      case SKIP_ODD: if (a & 1) at += x; break;
      case LOOP: if (--loops) at = x; break;
      case END: return a;
    }
  }
}

KERNEL(bytecode, "bytecode") {
  u32 registers[16], sum = 0;
  for (u32 i = 0; i < 16; i++) registers[i] = i * 0x9e3779b9u;
  for (u32 i = 0; i < rounds; i++) sum = mix(sum, interpret(program, registers, 1000));
  return mix_bytes(sum, registers, sizeof registers);
}
