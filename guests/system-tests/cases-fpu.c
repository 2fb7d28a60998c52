/* x87, MMX and SSE where modes and images matter: environments and states in every format (SDM vol. 1, 8.1.10), numbers that no
 * arithmetic makes (8.2.2), unmasked exceptions, MXCSR (10.2.3, 11.5). */
#include "harness.h"

enum { IMAGE = DATA + 0x40, OPERAND = DATA, TWO = 0x40000000 };

static void set_cr4(u32 value) { __asm__ volatile("movl %0, %%cr4" : : "r"(value)); }
static void numeric_error(u32 internal) {
  u32 cr0;
  __asm__ volatile("movl %%cr0, %0; andl $~0x20, %0; orl %1, %0; movl %0, %%cr0" : "=&r"(cr0) : "r"(internal << 5));
}
static void fill_image(void) { memset((void *)IMAGE, 0xa5, 0x80), poke32(OPERAND, TWO); }
/* The format's fields, and that no more is written. */
#define WORDS watch16(IMAGE, 8)
#define DWORDS watch(IMAGE, 8)
#define LOAD32 "fld dword ptr [ebx]\n"
#define LOAD16 "fld dword ptr [bx]\n"

/* The opcode is in the image of unmasked exceptions alone on processors since the Pentium 4 (8.1.9.1), in every one of Bochs. */
#define HIDE32 "\nand word ptr [ebx+0x52], 0xf800"
#define HIDE_CODE16 "\nand word ptr [bx+0x52], 0xf800"
#define HIDE_REAL16 "\nand word ptr [bx+0x48], 0xf800"
#define HIDE_REAL32 "\nand word ptr [bx+0x50], 0xf800"
#define HIDE_FX "\nand word ptr [ebx+0x46], 0xf800"
#define HIDE_FX16 "\nand word ptr [bx+0x46], 0xf800"

static void environments(void) {
  group("x87 environment, where it is stored");
  differs_all("qemu", "stores the reserved halves as zeros, which the manual leaves open (SDM vol. 1, 8.1.10)");
  CASE("32-bit protected", LOAD32 "fnstenv [ebx+0x40]" HIDE32, fill_image(), DWORDS);
  CASE("16-bit operand, 32-bit protected", LOAD32 ".byte 0x66\nfnstenv [ebx+0x40]", fill_image(), WORDS);
  CASE("16-bit protected", X16 LOAD16 "fnstenv [bx+0x40]", code16(), fill_image(), in.ds = D0_16, in.ebx = 0, poke32(STACK, TWO), watch16(STACK + 0x40, 8));
  CASE("32-bit operand, 16-bit protected", X16 LOAD16 ".byte 0x66\nfnstenv [bx+0x40]" HIDE_CODE16, code16(), in.ds = D0_16, in.ebx = 0, poke32(STACK, TWO), watch(STACK + 0x40, 8));
  CASE("real mode", X16 LOAD16 "fnstenv [bx+0x40]" HIDE_REAL16, real(), fill_image(), WORDS);
  CASE("32-bit operand, real mode", X16 LOAD16 ".byte 0x66\nfnstenv [bx+0x40]" HIDE_REAL32, real(), fill_image(), DWORDS);
  CASE("virtual-8086 mode", X16 LOAD16 "fnstenv [bx+0x40]" HIDE_REAL16, v86(3), fill_image(), WORDS);
  CASE("32-bit operand, virtual-8086 mode", X16 LOAD16 ".byte 0x66\nfnstenv [bx+0x40]" HIDE_REAL32, v86(3), fill_image(), DWORDS);
}

/* The pointers that real mode loads from images with these bits. */
static void all_ones(void) { memset((void *)IMAGE, 0xff, 28), poke32(IMAGE, 0xffff037f), memset((void *)(IMAGE + 0x40), 0xa5, 32); }
#define THERE "fldenv [bx+0x40]\n"
static void loaded(void) {
  group("x87 environment, loaded and stored");
  differs_all("qemu", "loads no pointers and takes ES and B from memory (SDM vol. 1, 8.1.3.3, 8.1.10)");
  CASE("32-bit protected", "fldenv [ebx+0x40]\nfnstenv [ebx+0x80]", all_ones(), watch(IMAGE + 0x40, 7));
  CASE("16-bit operand", ".byte 0x66\nfldenv [ebx+0x40]\nfnstenv [ebx+0x80]", all_ones(), poke32(IMAGE, 0xffff037f), watch(IMAGE + 0x40, 7));
  CASE("real mode", X16 THERE "fnstenv [bx+0x80]", real(), all_ones(), watch16(IMAGE + 0x40, 7));
  CASE("32-bit operand, real mode", X16 ".byte 0x66\n" THERE ".byte 0x66\nfnstenv [bx+0x80]", real(), all_ones(), watch(IMAGE + 0x40, 7));
  CASE("virtual-8086 mode", X16 THERE "fnstenv [bx+0x80]", v86(3), all_ones(), watch16(IMAGE + 0x40, 7));
  CASE("tags of numbers are found anew", "fldenv [ebx+0x40]\nfnstenv [ebx+0x80]", all_ones(), poke32(IMAGE + 8, 0xffff5555), poke32(IMAGE + 4, 0), watch16(IMAGE + 0x48, 1));
  CASE("an unmasked exception is pending afterwards", "fldenv [ebx+0x40]\nfnstsw ax\nfld1", all_ones(), numeric_error(1), poke32(IMAGE, 0xffff037e), poke32(IMAGE + 4, 1));
  CASE("a masked one is not", "fldenv [ebx+0x40]\nfnstsw ax\nfld1", all_ones(), numeric_error(1), poke32(IMAGE + 4, 0x81));
}

static void pointers(void) {
  group("x87 pointers");
  differs_all("qemu", "stores the reserved halves as zeros, which the manual leaves open; FXSAVE stores no pointers, FNSTENV does not mask exceptions (SDM vol. 2, FXSAVE, FNSTENV)");
  CASE("none after fninit", "fninit\nfnstenv [ebx+0x40]", DWORDS);
  CASE("a register instruction leaves the operand's", LOAD32 "nop\nfchs\nfnstenv [ebx+0x40]" HIDE32, fill_image(), DWORDS);
  CASE("control instructions leave all", LOAD32 "fnstcw [ebx+8]\nfldcw [ebx+8]\nfnclex\nfnstsw [ebx+8]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), DWORDS);
  CASE("prefixes belong to the instruction", "nop\n.byte 0x36, 0x36\nfld dword ptr ds:[ebx]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), DWORDS);
  CASE("through SS", "fld dword ptr [esp]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.ss = D0, DWORDS);
  CASE("through FS with a base", "fld dword ptr fs:[4]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.fs = D0_16, poke32(STACK + 4, TWO), DWORDS);
  CASE("store through ES with a base", "fld1\nfstp dword ptr es:[eax]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.es = D0_16, in.eax = 0x123, DWORDS);
  CASE("add through GS with a base", "fld1\nfadd qword ptr gs:[eax]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.gs = D0_16, in.eax = 0x1230, DWORDS);
  CASE("compare through FS with a base", "fld1\nfcomp dword ptr fs:[eax*2+1]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.fs = D0_16, in.eax = 0x100, DWORDS);
  CASE("conversions through FS with a base", "fild word ptr fs:[eax]\nfistp dword ptr fs:[eax+4]\nfnstenv [ebx+0x40]" HIDE32, fill_image(), in.fs = D0_16, in.eax = 0x100, DWORDS);
  CASE("real mode, through ES", X16 "fld dword ptr es:[bx]\nfnstenv [bx+0x40]" HIDE_REAL16, real(), fill_image(), in.es = 0x5123, WORDS);
  differs("hvm", "keeps the opcode of the last unmasked exception (SDM vol. 1, 8.1.9.1)");
  CASE("masked overflow and its opcode", LOAD32 "fmul st, st\nfld1\nfdiv dword ptr [ebx+4]\nfnstenv [ebx+0x40]", fill_image(), poke32(OPERAND + 4, 0), watch(IMAGE, 4));
  CASE("unmasked exception and its opcode", "fldcw [ebx+8]\nfld1\nfdiv dword ptr [ebx+4]\nfnstenv [ebx+0x40]", fill_image(), poke32(OPERAND + 4, 0), poke32(OPERAND + 8, 0x37b), numeric_error(1), DWORDS);
  CASE("fnstenv masks all exceptions", "fldcw [ebx+8]\nfnstenv [ebx+0x40]\nfnstcw [ebx+8]", fill_image(), poke32(OPERAND + 8, 0x340), watch(IMAGE, 1), watch16(OPERAND + 8, 1));
  set_cr4(0x200);
  CASE("fxsave", "fld dword ptr fs:[4]\nfxsave [ebx+0x40]" HIDE_FX, fill_image(), in.fs = D0_16, poke32(STACK + 4, TWO), watch(IMAGE, 6));
  CASE("fxsave, real mode", X16 "fld dword ptr es:[bx]\nfxsave [bx+0x40]" HIDE_FX16, real(), fill_image(), in.es = 0x5123, watch(IMAGE, 6));
  CASE("fxrstor", "fxrstor [ebx+0x40]\nfnstenv [ebx]", memset((void *)IMAGE, 0xff, 0x80), poke32(IMAGE, 0xffff037f), poke32(IMAGE + 24, 0x1f80), watch(DATA, 7));
  set_cr4(0);
}

static void states(void) {
  group("x87 state");
  differs_all("qemu", "stores the reserved halves as zeros, which the manual leaves open (SDM vol. 1, 8.1.10)");
  CASE("fnsave initialises", LOAD32 "fld1\nfnsave [ebx+0x40]\nfnstenv [ebx]" HIDE32, fill_image(), watch(IMAGE, 12), watch(DATA, 7));
  CASE("16-bit operand", LOAD32 "fld1\n.byte 0x66\nfnsave [ebx+0x40]", fill_image(), watch16(IMAGE, 17));
  CASE("real mode", X16 LOAD16 "fld1\nfnsave [bx+0x40]" HIDE_REAL16, real(), fill_image(), watch16(IMAGE, 17));
  CASE("32-bit operand, real mode", X16 LOAD16 "fld1\n.byte 0x66\nfnsave [bx+0x40]" HIDE_REAL32, real(), fill_image(), watch(IMAGE, 12));
  CASE("virtual-8086 mode", X16 LOAD16 "fld1\nfnsave [bx+0x40]" HIDE_REAL16, v86(3), fill_image(), watch16(IMAGE, 17));
  CASE("and back", LOAD32 "fld1\nfnsave [ebx+0x40]\nfrstor [ebx+0x40]\nfaddp\nfstp dword ptr [ebx]", fill_image(), watch(DATA, 1));
  CASE("and back, 16-bit operand", LOAD32 "fld1\n.byte 0x66\nfnsave [ebx+0x40]\nfninit\n.byte 0x66\nfrstor [ebx+0x40]\nfaddp\nfstp dword ptr [ebx]", fill_image(), watch(DATA, 1));
  CASE("and back, real mode", X16 LOAD16 "fld1\nfnsave [bx+0x40]\nfrstor [bx+0x40]\nfaddp\nfstp dword ptr [bx]", real(), fill_image(), watch(DATA, 1));
  CASE("MMX empties nothing and sets TOP to 0", "fld1\nmovd mm2, eax\nfnsave [ebx+0x40]", fill_image(), watch(IMAGE, 3), watch(IMAGE + 28 + 20, 3));
  CASE("emms empties", "fld1\nmovd mm2, eax\nemms\nfnstenv [ebx+0x40]", fill_image(), watch(IMAGE, 3));
  differs_all("qemu", "does not check limits (SDM vol. 3, 5.3)");
  differs_all("hvm", "Bochs wraps the fields of an operand singly; an operand outside 0 to FFFF is #GP in real-address mode (SDM vol. 2, FLD, FNSTENV, FNSAVE)");
  CASE("real mode, environment across ffff", X16 "fnstenv [bx]", real(), in.ebx = 0xfff4, watch16(DATA + 0xfff4, 2));
  CASE("real mode, environment up to ffff", X16 "fnstenv [bx]", real(), in.ebx = 0xfff2, watch16(DATA + 0xfff2, 2));
  CASE("real mode, state across ffff", X16 "fnsave [bx]\nnop", real(), in.ebx = 0xffa4, watch16(DATA + 0xffa4, 2));
  CASE("real mode, ten bytes across ffff", X16 "fld tbyte ptr [bx]\nnop", real(), in.ebx = 0xfff8);
}

/* 80-bit values: sign and exponent, significand. */
static const struct {
  const char *name;
  u32 exponent, high, low;
} NUMBERS[] = {
  {"zero", 0, 0, 0}, {"denormal", 0, 0x40000000, 1}, {"pseudo-denormal", 0, 0x80000000, 1}, {"normal", 0x4000, 0xc0000000, 0},
  {"unnormal", 0x4000, 0x40000000, 0}, {"pseudo-zero", 0x3fff, 0, 0}, {"infinity", 0xffff, 0x80000000, 0}, {"pseudo-infinity", 0x7fff, 0, 0},
  {"quiet", 0x7fff, 0xc0000000, 5}, {"signalling", 0x7fff, 0xa0000000, 5}, {"pseudo-nan", 0x7fff, 0x60000000, 5}, {"indefinite", 0xffff, 0xc0000000, 0},
  {"largest", 0x7ffe, 0xffffffff, 0xffffffff}, {"negative", 0xbfff, 0x80000000, 1},
};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof *NUMBERS };

static const char *joined(const char *a, const char *b) {
  static char text[96];
  u32 at = 0;
  while (*a) text[at++] = *a++;
  text[at++] = ' ';
  while (*b) text[at++] = *b++;
  text[at] = 0;
  return text;
}

/* Loads the number, runs the instruction, stores the state: status word, ST(0), and what an instruction stored to memory. */
#define EACH(what, text)                                                                                             \
  for (u32 i = 0; i < NUMBER_COUNT; i++)                                                                             \
    CASE(joined(what, NUMBERS[i].name), "fldcw [ebx+12]\nfld tbyte ptr [ebx]\n" text "\nfnsave [ebx+0x40]", number(i, control), \
         watch16(IMAGE + 4, 1), watch16(IMAGE + 8, 1), watch(IMAGE + 28, 2), watch16(IMAGE + 36, 1), watch(DATA + 0x20, 3))
static u32 scaling;
static void number(u32 i, u32 control) {
  if (scaling && control == 0x340 && NUMBERS[i].exponent == 0x7ffe)
    differs("hvm", "Bochs biases the exponent of a result that is too large even then: an infinity is stored (SDM vol. 1, 8.5.4)");
  poke32(DATA, NUMBERS[i].low);
  poke32(DATA + 4, NUMBERS[i].high);
  poke32(DATA + 8, NUMBERS[i].exponent);
  poke32(DATA + 12, control);
  memset((void *)(DATA + 0x20), 0xa5, 16);
  numeric_error(1);
}

static void operations(u32 control) {
  EACH("fxam", "fxam");
  EACH("fstp tbyte", "fstp tbyte ptr [ebx+0x20]");
  EACH("fst qword", "fst qword ptr [ebx+0x20]");
  EACH("fst dword", "fst dword ptr [ebx+0x20]");
  EACH("fistp word", "fistp word ptr [ebx+0x20]");
  EACH("fistp qword", "fistp qword ptr [ebx+0x20]");
  EACH("fbstp", "fbstp [ebx+0x20]");
  EACH("fadd", "fld1\nfadd st, st(1)");
  EACH("fsubp", "fld1\nfsubrp");
  EACH("fmul", "fmul st, st");
  EACH("fdiv", "fld1\nfdiv st, st(1)");
  EACH("fsqrt", "fsqrt");
  EACH("frndint", "frndint");
  EACH("fcom", "fld1\nfcom st(1)");
  EACH("fucomip", "fld1\nfucomip st, st(1)");
  EACH("ftst", "ftst");
  EACH("fxtract", "fxtract");
  scaling = 1;
  EACH("fscale", "fld1\nfscale");
  scaling = 0;
  EACH("fprem", "fld1\nfxch\nfprem");
  EACH("fchs", "fchs");
}

static void numbers(void) {
  group("x87 numbers, exceptions masked");
  differs_all("qemu", "tells neither of denormal operands nor of rounding up in C1 (SDM vol. 1, 8.1.3.3, 8.5.2)");
  operations(0x37f);
  group("x87 numbers, exceptions unmasked");
  differs_all("qemu", "does not leave registers and memory alone when an exception is unmasked (SDM vol. 1, 8.5)");
  operations(0x340);
  group("x87 numbers, short precision, rounded up");
  differs_all("qemu", "tells neither of denormal operands nor of rounding up in C1 (SDM vol. 1, 8.1.3.3, 8.5.2)");
  operations(0x87f);
}

static void numeric(void) {
  group("#MF");
  differs_all("qemu", "does not raise #MF at the next waiting instruction (SDM vol. 1, 8.7.1)");
#define FAILED "fldcw [ebx]\nfld1\nfldz\nfdivp\n"
#define MF(name, text) CASE(name, FAILED text, poke32(DATA, 0x37b), numeric_error(1))
  MF("wait", "nop\nwait");
  MF("x87 instruction", "fld1");
  MF("MMX instruction", "movd mm0, eax");
  MF("emms", "emms");
  set_cr4(0x200);
  MF("SSE instruction does not wait", "xorps xmm0, xmm0\nnop");
  set_cr4(0);
  MF("fldcw", "fldcw [ebx]");
  MF("fnclex clears", "fnclex\nfld1");
  MF("fninit clears", "fninit\nfld1");
  MF("fnsave clears", "fnsave [ebx+0x40]\nfld1");
  MF("fnstenv clears", "fnstenv [ebx+0x40]\nfld1");
  MF("fnstcw does not wait", "fnstcw [ebx]");
  MF("finit waits", "finit");
  MF("frstor waits", "frstor [ebx+0x40]");
  MF("invalid form comes first", ".byte 0xd9, 0xd1");
}

/* SSE: MXCSR at DATA, before and after; operands at 16 and 32, result at 48. The handler of #XM stores them as well. */
#define XMM_CASE(name, text, mxcsr)                                                                                  \
  CASE(name, "ldmxcsr [ebx]\nmovups xmm0, [ebx+16]\nmovups xmm1, [ebx+32]\n" text "\nstmxcsr [ebx]\nmovups [ebx+48], xmm0", \
       operands(mxcsr), HANDLE("stmxcsr [ebx]\nmovups [ebx+48], xmm0\nmov eax, [esp]"), watch(DATA, 1), watch(DATA + 48, 4), \
       idt[19] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0))
static const u32 *first, *second;
static void operands(u32 mxcsr) {
  poke32(DATA, mxcsr);
  for (u32 i = 0; i < 4; i++) poke32(DATA + 16 + 4 * i, first[i]), poke32(DATA + 32 + 4 * i, second[i]);
}

static void singles(const char *mode, u32 mxcsr) {
  XMM_CASE(joined("addps", mode), "addps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("mulps", mode), "mulps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("divps", mode), "divps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("maxps", mode), "maxps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("sqrtps", mode), "sqrtps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cmpltps", mode), "cmpltps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cvtps2dq", mode), "cvtps2dq xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cvttps2dq", mode), "cvttps2dq xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cvtps2pd", mode), "cvtps2pd xmm0, xmm1", mxcsr);
  XMM_CASE(joined("addsubps", mode), "addsubps xmm0, xmm1", mxcsr);
}
static void doubles(const char *mode, u32 mxcsr) {
  XMM_CASE(joined("subpd", mode), "subpd xmm0, xmm1", mxcsr);
  XMM_CASE(joined("mulpd", mode), "mulpd xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cvtpd2ps", mode), "cvtpd2ps xmm0, xmm1", mxcsr);
  XMM_CASE(joined("sqrtsd", mode), "sqrtsd xmm0, xmm1", mxcsr);
  XMM_CASE(joined("cvtsd2si", mode), "cvtsd2si ecx, xmm1", mxcsr);
}
/* Two denormals, tiny products and NaNs among them. */
static const u32 SINGLES[][4] = {
  {0x00000001, 0x00800000, 0x3f800000, 0x7f7fffff}, {0x3f800000, 0x3f000001, 0x80400000, 0x7f7fffff},
  {0x7fa00001, 0x3f800000, 0x7f800000, 0x3eaaaaab}, {0x3f800000, 0x7fc12345, 0xff800000, 0xbf99999a},
  {0x1f800000, 0x9f800001, 0x40490fdb, 0x4b000001}, {0x1f800001, 0x1f7fffff, 0xbfc00000, 0x4f000000},
};
static const u32 DOUBLES[][4] = {
  {0, 0x00080000, 0x11111111, 0x3ff11111}, {1, 0x3fe00000, 0x20000001, 0x3810ffff},
  {0xffffffff, 0x7fefffff, 1, 0x7ff00000}, {0, 0xc0080000, 0, 0x40000000},
};
static const struct {
  const char *name;
  u32 mxcsr;
} MODES[] = {
  {"masked", 0x1f80}, {"FTZ", 0x9f80}, {"DAZ", 0x1fc0}, {"FTZ DAZ", 0x9fc0}, {"down", 0x3f80}, {"up", 0x5f80}, {"to zero", 0x7f80},
  {"unmasked", 0}, {"unmasked FTZ", 0x8000}, {"unmasked DAZ", 0x40}, {"denormal unmasked", 0x1e80}, {"underflow unmasked", 0x1780},
  {"underflow unmasked FTZ", 0x9780}, {"precision unmasked", 0x0f80}, {"precision unmasked FTZ", 0x8f80},
};

static void simd(void) {
  group("SSE, MXCSR");
  differs_all("qemu", "does not raise #XM (SDM vol. 1, 11.5.1)");
  set_cr4(0x600);
  for (u32 m = 0; m < sizeof MODES / sizeof *MODES; m++) {
    for (u32 i = 0; i < sizeof SINGLES / sizeof *SINGLES; i += 2) first = SINGLES[i], second = SINGLES[i + 1], singles(MODES[m].name, MODES[m].mxcsr);
    for (u32 i = 0; i < sizeof DOUBLES / sizeof *DOUBLES; i += 2) first = DOUBLES[i], second = DOUBLES[i + 1], doubles(MODES[m].name, MODES[m].mxcsr);
  }
  set_cr4(0);
}

void fpu_cases(void) {
  environments();
  loaded();
  pointers();
  states();
  numbers();
  numeric();
  simd();
  numeric_error(1);
}
