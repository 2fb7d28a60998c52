/* Limits, access rights and wrap of segments in use (SDM vol. 3, 5.3, 5.5.1; vol. 1, 3.3.7). */
#include "harness.h"

static void with(u32 base, u32 limit, u32 access, u32 flags) {
  describe(S0, segment(base, limit, PRESENT | ACCESSED | access, flags));
  in.es = S0;
}
#define QEMU_LIMIT differs_all("qemu", "does not check limits and types of accesses (SDM vol. 3, 5.3)")

static void up(void) {
  group("expand-up data");
  QEMU_LIMIT;
  CASE("byte at limit", "mov al, es:[0xfff]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("byte above limit", "mov al, es:[0x1000]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("word at limit", "mov ax, es:[0xffe]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("word across limit", "mov ax, es:[0xfff]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("dword at limit", "mov eax, es:[0xffc]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("dword across limit", "mov eax, es:[0xffd]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("dword write across limit", "mov es:[0xffe], eax", with(DATA, 0xfff, WRITABLE, BIG), watch(DATA + 0xffc, 2));
  CASE("read-modify-write across limit", "add es:[0xffe], eax", with(DATA, 0xfff, WRITABLE, BIG), watch(DATA + 0xffc, 2));
  CASE("qword at limit", "fild qword ptr es:[0xff8]\nfninit", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("qword across limit", "fild qword ptr es:[0xffc]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("ten bytes across limit", "fld tbyte ptr es:[0xff8]", with(DATA, 0xfff, WRITABLE, BIG));
  CASE("limit 0, word", "mov ax, es:[0]", with(DATA, 0, WRITABLE, BIG));
  CASE("limit 0, byte", "mov al, es:[0]", with(DATA, 0, WRITABLE, BIG));
  CASE("limit 0 in pages", "mov eax, es:[0xffc]", with(DATA, 0, WRITABLE, BIG | PAGES));
  CASE("limit 0 in pages, above", "mov al, es:[0x1000]", with(DATA, 0, WRITABLE, BIG | PAGES));
  CASE("dword at ffffffff, 64 KiB limit", "mov eax, es:[0xffffffff]", with(DATA, 0xffff, WRITABLE, BIG));
  CASE("base wraps the linear address", "mov eax, es:[0x30010]", with(0xfffffff0, 0xfffff, WRITABLE, BIG | PAGES), poke32(DATA, 0x1234));
  CASE("big offset in 16-bit data segment", "mov al, es:[0x10000]", with(DATA, 0xffff, WRITABLE, 0));
  differs("hvm", "processors fault as for x87 and SSE operands; for a limit of 4 GiB the manual leaves it to them (SDM vol. 3, 5.3)");
  CASE("flat segment, dword at ffffffff", "mov eax, es:[0xffffffff]\nmov al, 0", with(DATA, 0xfffff, WRITABLE, BIG | PAGES),
       in.es = D0, quiet_registers = 1);
  quiet_registers = 0;
}

static void down(void) {
  group("expand-down data");
  QEMU_LIMIT;
  CASE("byte at limit", "mov al, es:[0xfff]", with(DATA, 0xfff, DOWN, BIG));
  CASE("byte above limit", "mov al, es:[0x1000]", with(DATA, 0xfff, DOWN, BIG));
  CASE("word across limit", "mov ax, es:[0xfff]", with(DATA, 0xfff, DOWN, BIG));
  CASE("16-bit, word at fffe", "mov ax, es:[0xfffe]", with(DATA, 0xfff, DOWN, 0));
  CASE("16-bit, word at ffff", "mov ax, es:[0xffff]", with(DATA, 0xfff, DOWN, 0));
  CASE("16-bit, byte at 10000", "mov al, es:[0x10000]", with(DATA, 0xfff, DOWN, 0));
  CASE("big, byte at 10000", "mov al, es:[0x10000]", with(DATA, 0xfff, DOWN, BIG));
  CASE("big, dword at fffffffd", "mov eax, es:[0xfffffffd]", with(DATA, 0xfff, DOWN, BIG));
  CASE("limit ffffffff, nothing valid", "mov al, es:[0x1000]", with(DATA, 0xfffff, DOWN, BIG | PAGES));
  CASE("write below", "mov es:[0x800], eax", with(DATA, 0xfff, DOWN, BIG), watch(DATA + 0x800, 1));
}

static void rights(void) {
  group("access rights");
  QEMU_LIMIT;
  CASE("write to read-only", "mov es:[0], eax", with(DATA, 0xffff, READ_ONLY, BIG), watch(DATA, 1));
  CASE("read read-only", "mov eax, es:[0]", with(DATA, 0xffff, READ_ONLY, BIG));
  CASE("write to readable code", "mov es:[0], eax", with(DATA, 0xffff, READABLE, BIG), watch(DATA, 1));
  CASE("write through CS", "mov cs:[0x30000], eax", watch(DATA, 1));
  CASE("read through CS", "mov eax, cs:[0x30000]");
  CASE("read through execute-only CS", "mov eax, cs:[0x30000]", in.cs = S0, describe(S0, segment(0, 0xfffff, PRESENT | EXECUTE_ONLY | ACCESSED, BIG | PAGES)));
  CASE("cmpxchg that fails on read-only", "cmpxchg es:[0], ecx", with(DATA, 0xffff, READ_ONLY, BIG));
  CASE("bt on read-only reads", "bt dword ptr es:[0], 1\nbts dword ptr es:[0], 1", with(DATA, 0xffff, READ_ONLY, BIG));
  CASE("null ES read", "mov eax, es:[0x30000]", in.es = 0);
  CASE("null ES write", "mov es:[0x30000], eax", in.es = 3);
  CASE("null GS read-modify-write", "inc dword ptr gs:[0x30000]", in.gs = 0);
  CASE("null ES in movsb", "movsb", in.es = 0);
  CASE("null DS in lea is nothing", "lea eax, [ebx+4]", in.ds = 0);
}

static void stacks(void) {
  group("stack limits and wrap");
  QEMU_LIMIT;
  CASE("16-bit push word at 0 wraps", X16 "mov sp, 0\npush ax\nmov cx, sp\nmov sp, 0x1000", code16(), watch16(STACK + 0xfffe, 1));
  CASE("16-bit push word at 1", X16 "mov sp, 1\npush ax\nmov cx, sp\nmov sp, 0x1000", code16());
  CASE("16-bit push dword at 2", X16 "mov sp, 2\npush eax\nmov cx, sp\nmov sp, 0x1000", code16());
  CASE("16-bit push dword at 4", X16 "mov sp, 4\npush eax\nmov cx, sp\nmov sp, 0x1000", code16(), watch(STACK, 1));
  CASE("16-bit pop word at ffff", X16 "mov sp, 0xffff\npop ax", code16());
  CASE("16-bit pop word at fffe wraps", X16 "mov sp, 0xfffe\npop ax\nmov cx, sp\nmov sp, 0x1000", code16(), poke16(STACK + 0xfffe, 0x7777));
  CASE("upper half of esp stays", X16 "push ax\npop cx", code16(), in.esp = 0x12340000 + TOP);
  CASE("esp upper half is ignored by push", X16 "push ax\nmov eax, esp", code16(), in.esp = 0xabcd0000 + TOP, watch16(STACK + TOP - 2, 1));
  CASE("pusha at 8", X16 "mov sp, 8\npusha\nmov sp, 0x1000", code16(), watch(STACK, 3));
  CASE("pusha at 16", X16 "mov sp, 16\npusha\nmov sp, 0x1000", code16(), watch16(STACK, 8));
  CASE("pusha pushes the old sp", "pushad\nmov eax, [esp+12]\nadd esp, 32\npush 2\npopfd");
  CASE("popa at fff8", X16 "mov sp, 0xfff8\npopa", code16());
  CASE("enter 16-bit", X16 "enter 0x10, 0\nmov ecx, esp\nleave", code16());
  CASE("enter nested 3", X16 "mov bp, 0x800\nenter 0x10, 3\nmov cx, sp\nmov ax, bp\nmov sp, 0x1000", code16(), poke16(STACK + 0x7fe, 0x111), poke16(STACK + 0x7fc, 0x222), watch16(STACK + TOP - 8, 4));
  CASE("leave takes bp", X16 "leave\nmov cx, sp\nmov sp, 0x1000", code16(), in.ebp = 0xffff0800, poke16(STACK + 0x800, 0x4444));
  CASE("bp outside the limit is #SS", X16 "mov ax, [bp]", code16(), in.ss = S0, in.ebp = 0x2001, describe(S0, segment(STACK, 0x2001, PRESENT | WRITABLE | ACCESSED, 0)));
  CASE("SS override outside the limit is #SS", "mov al, ss:[ebx]", in.ss = S0, in.ebx = 0x2002, in.esp = TOP, describe(S0, segment(STACK, 0x2001, PRESENT | WRITABLE | ACCESSED, BIG)));
  CASE("esp in a big stack above the limit", "mov esp, 0x3000\nmov al, [esp]\nmov esp, 0x1000", in.ss = S0, in.esp = TOP, describe(S0, segment(STACK, 0x2001, PRESENT | WRITABLE | ACCESSED, BIG)));
  CASE("expand-down stack push above the limit", "push eax\npop ecx", in.ss = S0, in.esp = TOP, describe(S0, segment(STACK, 0x7ff, PRESENT | DOWN | ACCESSED, BIG)));
  CASE("expand-down stack read below", "mov al, ss:[0x7ff]", in.ss = S0, in.esp = TOP, describe(S0, segment(STACK, 0x7ff, PRESENT | DOWN | ACCESSED, BIG)));
  CASE("16-bit stack, 32-bit code, call and ret use sp", "call 1f\njmp 2f\n1: mov ecx, esp\nret\n2:", in.ss = D0_16, in.esp = 0x55550000 + TOP);
  CASE("pop [esp+4] uses the moved esp", "push 0x77\npop dword ptr [esp+4]", in.esp = STACK + TOP - 16, watch(STACK + TOP - 16, 3));
  CASE("push esp pushes the old one", "push esp\npop eax");
  CASE("pop esp", "push 0x41234\npop esp\nmov eax, esp\nmov esp, 0x41000");
}

static void fetches(void) {
  group("code limits");
  QEMU_LIMIT;
  CASE("instruction at limit", "nop\nnop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 3, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("instruction across limit", "nop\nmov eax, 5", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 3, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("running off the limit", "nop\nnop\nnop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 1, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("jmp beyond limit faults at the jmp", "nop\njmp 1f\nnop\n1: nop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 3, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("call beyond limit pushes nothing", "call 1f\nnop\n1: nop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 5, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("ret beyond limit", "push 0x9000\nret", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 0xff, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("jmp near indirect beyond limit", "jmp eax", in.cs = S0, in.eip = 0, in.eax = 0x100, describe(S0, segment(CODE, 0xff, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("taken jcc beyond limit", "xor eax, eax\njz 1f\nnop\n1: nop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 4, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("loop beyond limit leaves ecx", "nop\nloop 1f\nnop\n1: nop", in.cs = S0, in.eip = 0, in.ecx = 2, describe(S0, segment(CODE, 3, PRESENT | READABLE | ACCESSED, BIG)));
  CASE("16-bit jmp wraps ip", X16 ".byte 0xe9, 0xed, 0xff", code16(), memcpy((void *)(CODE + 0xfff0), "\xeb\x20", 2),
       memcpy((void *)(CODE + 0x12), "\x90\xcd\xff", 3));
  CASE("32-bit code, 16-bit jmp truncates eip", "mov eax, 0x70010\njmp ax", in.cs = S0, in.eip = 0,
       describe(S0, segment(CODE, 0xfffff, PRESENT | READABLE | ACCESSED, BIG)), memcpy((void *)(CODE + 0x10), "\x90\xcd\xff", 3));
  CASE("fifteen prefixes", ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90");
  CASE("sixteen bytes", ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90");
}

static void effective_addresses(void) {
  group("16-bit effective addresses");
  QEMU_LIMIT;
  CASE("bx+si wraps before the base", "addr16 mov eax, es:[bx+si]", with(DATA, 0xfffff, WRITABLE, BIG), in.ebx = 0xffff, in.esi = 5, poke32(DATA + 4, 0x4444));
  CASE("disp16 wraps", "addr16 mov eax, es:[bx+0x7fff]", with(DATA, 0xfffff, WRITABLE, BIG), in.ebx = 0x18005, poke32(DATA + 4, 0x4444));
  CASE("dword at ffff in 64 KiB", "addr16 mov eax, es:[bx]", with(DATA, 0xffff, WRITABLE, BIG), in.ebx = 0xffff);
  CASE("dword at ffff in a larger segment", "addr16 mov eax, es:[bx]", with(DATA, 0x1ffff, WRITABLE, BIG), in.ebx = 0xffff, poke32(DATA + 0xffff, 0x5555), quiet_registers = 0);
  CASE("movsb with 16-bit si wraps", "cld\naddr16 movsb", in.es = S0, in.ds = S0, in.esi = 0xaaaaffff, in.edi = 0xbbbb0000, describe(S0, segment(DATA, 0x1ffff, PRESENT | WRITABLE | ACCESSED, BIG)));
  CASE("lea 16-bit", "addr16 lea eax, [bx+si]", in.ebx = 0x1ffff, in.esi = 5);
  CASE("xlat 16-bit wraps", "addr16 xlatb", in.ds = S0, in.ebx = 0xffff, in.eax = 5, poke8(DATA + 4, 0x99), describe(S0, segment(DATA, 0x1ffff, PRESENT | WRITABLE | ACCESSED, BIG)));
  CASE("32-bit wraps at 4 GiB", "mov eax, es:[ebx+esi]", with(DATA, 0xfffff, WRITABLE, BIG), in.ebx = 0xffffffff, in.esi = 5, poke32(DATA + 4, 0x4444));
}

static void strings(void) {
  group("string instructions at a limit");
  QEMU_LIMIT;
  CASE("rep stosb", "cld\nrep stosb", with(DATA, 0xff, WRITABLE, BIG), in.edi = 0xfc, in.ecx = 8, watch(DATA + 0xfc, 2));
  CASE("rep stosd across", "cld\nrep stosd", with(DATA, 0xff, WRITABLE, BIG), in.edi = 0xfa, in.ecx = 8, watch(DATA + 0xf8, 2));
  CASE("rep movsb destination", "cld\nrep movsb", with(DATA, 0xff, WRITABLE, BIG), in.edi = 0xfd, in.ecx = 8);
  CASE("rep movsb source", "cld\nrep movsb", with(DATA, 0xff, WRITABLE, BIG), in.es = D0, in.ds = S0, in.esi = 0xfd, in.ecx = 8, in.ebx = 0);
  CASE("rep stosb backward below 0", "std\nrep stosb", with(DATA, 0xff, WRITABLE, BIG), in.edi = 2, in.ecx = 8, watch(DATA, 1));
  CASE("repe cmpsb", "cld\nrepe cmpsb", with(DATA, 0x1ff, WRITABLE, BIG), in.edi = 0x1fe, in.ecx = 8);
  CASE("rep with count 0 reads nothing", "cld\nrep stosb", with(DATA, 0xff, WRITABLE, BIG), in.edi = 0x1000, in.ecx = 0);
  CASE("rep stosb to read-only", "cld\nrep stosb", with(DATA, 0xff, READ_ONLY, BIG), in.edi = 0, in.ecx = 8);
}

void limit_cases(void) {
  up();
  down();
  rights();
  stacks();
  fetches();
  effective_addresses();
  strings();
}
