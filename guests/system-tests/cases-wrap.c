/* Operands across offset 4 GiB of segments that end there (SDM vol. 3, 5.3). */
#include "harness.h"

static void flat(void) {
  group("across 4 GiB, flat segments");
  differs_all("qemu", "does not check limits (SDM vol. 3, 5.3)");
  differs_all("hvm", "Bochs does not look where base 0 and limit 4 GiB come together; processors fault as for x87 and SSE operands; for a limit of 4 GiB the manual leaves it to them (SDM vol. 3, 5.3)");
  CASE("dword at fffffffd", "mov eax, [ebx]\nxor eax, eax", in.ebx = 0xfffffffd, in.eax = 0);
  CASE("word at ffffffff", "mov ax, [ebx]\nxor eax, eax", in.ebx = 0xffffffff, in.eax = 0);
  CASE("dword at fffffffc", "mov eax, [ebx]\nxor eax, eax", in.ebx = 0xfffffffc, in.eax = 0);
  CASE("write", "mov [ebx], ax", in.ebx = 0xffffffff);
  CASE("read-modify-write", "add [ebx], eax", in.ebx = 0xfffffffe, in.eax = 0);
  CASE("bp is #SS", "mov eax, [ebp]\nxor eax, eax", in.ebp = 0xfffffffe, in.eax = 0);
  RING_CASE(3, "pop", "pop eax\nmov esp, 0x51000\nxor eax, eax", in.esp = 0xfffffffe, in.eax = 0);
  RING_CASE(3, "push at 2", "push eax", in.esp = 2);
  CASE("push", "push dword ptr [ebx]", in.ebx = 0xfffffffd, quiet_registers = 1);
  quiet_registers = 0;
  CASE("far pointer", "lds eax, [ebx]", in.ebx = 0xfffffffb);
  CASE("bound", "bound eax, [ebx]", in.ebx = 0xfffffffc);
  CASE("sgdt", "sgdt [ebx]", in.ebx = 0xfffffffc);
  CASE("cmpxchg8b", "cmpxchg8b [ebx]\nxor eax, eax\nxor edx, edx", in.ebx = 0xfffffffc, in.eax = in.edx = 0);
}

/* FS with base DATA. */
static void based(u32 base) {
  describe(S0, segment(base, 0xfffff, PRESENT | WRITABLE | ACCESSED, BIG | PAGES));
  in.fs = S0;
  memset((void *)DATA, 0x11, 16);
}
static void with_base(void) {
  group("across 4 GiB, a base in FS");
  differs_all("qemu", "does not check limits (SDM vol. 3, 5.3)");
  CASE("dword at fffffffd", "mov eax, fs:[ebx]", based(DATA), in.ebx = 0xfffffffd);
  CASE("dword at -4", "mov eax, fs:[ebx]", based(DATA + 4), in.ebx = 0xfffffffc);
  CASE("dword at -2, base in the middle of a page", "mov eax, fs:[ebx]", based(DATA + 8), in.ebx = 0xfffffffe);
  CASE("dword at -2, odd base", "mov eax, fs:[ebx]", based(DATA + 6), in.ebx = 0xfffffffe);
  CASE("word at -1", "add fs:[ebx], ax", based(DATA + 8), in.ebx = 0xffffffff);
  CASE("constant address", "mov ax, fs:[0xffffffff]", based(DATA + 8));
  CASE("ds across that base", "mov eax, [ebx]\nmov ecx, fs:[0]", based(DATA + 8), in.ebx = DATA + 6);
  CASE("ds writes across that base", "mov [ebx], eax\nadd [ebx], eax", based(DATA + 8), in.ebx = DATA + 6, watch(DATA + 4, 2));
  CASE("push across that base", "push dword ptr [ebx]\npop eax", based(STACK + TOP - 2), in.esp = STACK + TOP, in.ebx = STACK + TOP - 5);
  CASE("linear addresses wrap", "mov eax, fs:[ebx]\nxor eax, eax", based(0xfffffff0), in.ebx = 0xe, in.eax = 0);
}

void wrap_cases(void) {
  flat();
  with_base();
}
