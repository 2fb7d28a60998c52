/* LAR, LSL, VERR, VERW over every descriptor type, and ARPL (SDM vol. 2). */
#include "harness.h"

static void every_type(void) {
  group("LAR LSL VERR VERW of every type, ring 0");
  for (u32 type = 0; type < 32; type++)
    CASE(numbered("type", type), "lar ecx, eax\nsetz dl\nlsl esi, eax\nsetz dh\nverr ax\nsetz bl\nverw ax\nsetz bh", in.eax = S0,
         in.edx = in.ebx = in.ecx = in.esi = 0, describe(S0, segment(0x12345678, 0x0abcd, PRESENT | type, PAGES | BIG)));
  group("LAR LSL VERR VERW of every type, ring 3, DPL 2");
  for (u32 type = 0; type < 32; type++)
    CASE(numbered("type", type), "lar ecx, eax\nsetz dl\nlsl esi, eax\nsetz dh\nverr ax\nsetz bl\nverw ax\nsetz bh", ring(3), in.eax = S0,
         in.edx = in.ebx = in.ecx = in.esi = 0, describe(S0, segment(0x12345678, 0x0abcd, PRESENT | DPL2 | type, PAGES | BIG)));
}

#define QUERY(name, ...) \
  CASE(name, "lar ecx, eax\nsetz dl\nlsl esi, eax\nsetz dh\nverr ax\nsetz bl\nverw ax\nsetz bh", in.edx = in.ebx = in.ecx = in.esi = 0, __VA_ARGS__)

static void selectors(void) {
  group("LAR LSL VERR VERW of selectors");
  QUERY("null", in.eax = 0);
  QUERY("null 3", in.eax = 3);
  QUERY("beyond GDT", in.eax = GDT_SIZE);
  QUERY("not present data", in.eax = S0, describe(S0, segment(0, 5, WRITABLE, 0)));
  QUERY("not present TSS", in.eax = S0, describe(S0, segment(0, 5, TYPE_TSS32, 0)));
  QUERY("RPL 3 of DPL 0", in.eax = D0 + 3);
  differs("qemu", "clears bits 16 to 19, which are undefined (SDM vol. 2, LAR)");
  QUERY("RPL 3 of DPL 3", in.eax = D3);
  differs("qemu", "clears bits 16 to 19, which are undefined (SDM vol. 2, LAR)");
  QUERY("RPL 3 of conforming DPL 0", in.eax = CONFORMING + 3);
  QUERY("in LDT", in.eax = 4, describe(4, segment(0, 0x123, PRESENT | WRITABLE, 0)));
  differs("qemu", "clears bits 16 to 19, which are undefined (SDM vol. 2, LAR)");
  QUERY("byte limit", in.eax = S0, describe(S0, segment(0, 0xfffff, PRESENT | WRITABLE, 0)));
  differs("qemu", "clears bits 16 to 19, which are undefined (SDM vol. 2, LAR)");
  QUERY("upper limit bits", in.eax = S0, describe(S0, segment(0, 0x9abcd, PRESENT | WRITABLE, PAGES)));
  CASE("lar 16-bit", "lar cx, ax", in.eax = D0);
  CASE("lsl 16-bit", "lsl cx, ax", in.eax = D0);
  CASE("lar failing leaves the register", "lar ecx, eax", in.eax = 0, in.eflags |= ZF);
  CASE("lsl memory reads 16 bits", "lsl ecx, [ebx]", poke32(DATA, 0xffff0000 | D0));
  CASE("verr leaves the other flags", "verr ax", in.eax = D0, in.eflags |= CF | OF | 0x94);
}

static void arpl(void) {
  group("ARPL");
  CASE("raises", "arpl ax, cx", in.eax = 0xeaea0010, in.ecx = 3);
  CASE("equal", "arpl ax, cx", in.eax = 0x13, in.ecx = 3, in.eflags |= ZF | CF);
  CASE("lower", "arpl ax, cx", in.eax = 0x13, in.ecx = 1, in.eflags |= ZF);
  CASE("memory", "arpl [ebx], cx", poke32(DATA, 0xffff0011), in.ecx = 2, watch(DATA, 1));
  RING_CASE(3, "ring 3", "arpl ax, cx", in.eax = 0x10, in.ecx = 3);
  differs("qemu", "writes only when something changes; a non-writable destination is #GP(0) in any case (SDM vol. 2, ARPL)");
  CASE("memory not writable, nothing to change", "arpl es:[0], cx", in.es = S0, in.ecx = 0,
       describe(S0, segment(DATA, 0xffff, PRESENT | READ_ONLY | ACCESSED, 0)));
}

void query_cases(void) {
  every_type();
  selectors();
  arpl();
}
