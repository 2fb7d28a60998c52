/* Real mode: interrupts through the vector table, limits and wraps, far transfers, big real mode, switches in both directions (SDM vol. 3, chapter 20.1, 9.9). */
#include "harness.h"

#define R(name, text, ...) CASE(name, X16 text, real(), ##__VA_ARGS__)
#define HANDLE16(text) load(HANDLER, SNIPPET(X16 text))
#define FRAME16 watch16(STACK3 + TOP - 6, 3)
#define HANDLED vector16(0x40, HANDLER), HANDLE16("mov eax, 0x600d\nmov cx, sp\npushf\npop dx")

static void interrupts(void) {
  group("real mode, interrupts");
  R("int pushes flags, cs, ip and clears IF and TF", "int 0x40", HANDLED, in.eflags |= IF | CF, FRAME16);
  R("int and back", "int 0x40\nmov cx, cs\npushf\npop dx", vector16(0x40, HANDLER), HANDLE16("mov ax, 0x600d\niret"), in.eflags |= IF | ZF);
  R("int and back through iretd", "pushfd\n.byte 0x66\npush cs\n.byte 0x66\npush 9\niretd\nnop\nnop\nmov ax, 0x600d");
  R("iret takes IOPL and NT", "push 0x7002\npush cs\npush 7\niret\npushf\npop ax\npush 2\npopf");
  R("iret with NT set returns", "push 0x4002\npopf\npush 2\npush cs\npush 10\niret\nmov ax, 1");
  R("iretd takes AC and ID, neither VM nor VIF nor VIP", "push 0x3f\npush 0x0002\n.byte 0x66\npush cs\n.byte 0x66\npush 11\niretd\npushfd\npop eax\npush 0\npush 2\npopfd");
  differs("qemu", "does not check EIP against the limit (SDM vol. 2, IRET: #GP(0))");
  R("iretd above ffff", "pushfd\n.byte 0x66\npush cs\n.byte 0x66, 0x68\n.long 0x10000\niretd");
  R("int3", "int3", FRAME16);
  R("int 3", "int 3");
  R("into", "into", in.eflags |= OF);
  R("into without OF", "into");
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  R("icebp", ".byte 0xf1");
  R("bound", "bound ax, [bx]", in.eax = 9);
  R("divide error points at the instruction", "nop\ndiv cl", in.ecx = 0, FRAME16);
  R("ud2", "ud2", FRAME16);
  differs("qemu", "ignores LOCK before MOV (SDM vol. 2, LOCK: #UD)");
  R("lock mov", ".byte 0xf0\nmov [bx], ax");
  R("#NM", "smsw cx\nor cx, 8\nlmsw cx\nmov cx, 0\nfld1");
  R("popf sets TF, which traps after one more instruction", "pushf\npop ax\nor ah, 1\npush ax\npopf\nnop\nnop", in.eax = 0);
  R("int does not carry TF on", "pushf\npop ax\nor ah, 1\npush ax\npopf\nint 0x40\nnop\nnop", in.eax = 0, HANDLED);
  R("popf changes everything", "push 0xffff\npopf\npushf\npop ax\npush 2\npopf", in.eflags = 2, vector16(1, HANDLER), HANDLE16("add cx, 1\niret"), in.ecx = 0);
  R("popfd keeps VM, VIF and VIP", "push 0x3b\npush 0x0002\npopfd\npushfd\npop eax\npush 0\npush 2\npopfd");
  R("pushf", "pushf\npop ax", in.eflags |= CF | ZF | DF);
  R("handler at an odd place", "int 0x40", vector16(0x40, HANDLER + 0x123), load(HANDLER + 0x123, SNIPPET(X16 "mov ax, 1")));
}

static void table(void) {
  group("real mode, limit and base of the vector table");
  R("last vector within the limit", "int 0x40", vector16(0x40, HANDLER), HANDLE16("mov ax, 0x600d\nint3"), LOW->idt_limit = 0x103);
  R("int beyond the limit is #13", "int 0x40", HANDLED, LOW->idt_limit = 0xff, FRAME16);
  R("int across the limit is #13", "int 0x40", HANDLED, LOW->idt_limit = 0x102);
  R("int far beyond", "int 0xfe", LOW->idt_limit = 0x103);
  R("#13 beyond the limit too is #8", "int 0x40", LOW->idt_limit = 0x33, FRAME16);
  R("#13 across the limit is #8", "int 0x40", LOW->idt_limit = 0x36);
  R("table moved by lidt", "lidt [bx]\nint 0x40\nnop", poke16(DATA, 0x3ff), poke32(DATA + 2, IVT + 4), vector16(0x41, HANDLER), HANDLE16("lidt cs:[0x100]\nmov ax, 0x600d"), poke16(HANDLER + 0x100, 0x3ff), poke32(HANDLER + 0x102, IVT));
  R("lidt takes 24 bits of the base", "lidt [bx]\nsidt [bx+8]\nlidt cs:[0x100]", poke16(DATA, 0x3ff), poke32(DATA + 2, 0x89000000 + IVT), poke16(CODE + 0x100, 0x3ff), poke32(CODE + 0x102, IVT), watch16(DATA + 8, 3));
  R("sgdt", "sgdt [bx]", watch16(DATA, 1));
}

static void hardware(void) {
  group("real mode, hardware interrupts");
#define IRQ0(name, text, ...) R(name, text, raise_irq0(), ##__VA_ARGS__)
  IRQ0("if clear", "nop");
  IRQ0("sti holds one instruction", "sti\nnop\nnop\nnop", FRAME16);
  IRQ0("popf holds nothing", "push 0x202\npopf\nnop\nnop");
  IRQ0("iret holds nothing", "push 0x202\npush cs\npush 10\niret\nnop\nnop\nnop\nnop");
  IRQ0("pop ss holds one", "push 0x202\npush ss\npush 0x202\npopf\npop ss\nnop\nnop");
  differs("qemu", "does not let MOV SS hold interrupts off behind STI; of a sequence of such instructions only the first is guaranteed to (SDM vol. 3, 6.8.3)");
  IRQ0("mov ss holds one", "mov cx, ss\nsti\nmov ss, cx\nnop\nnop\nnop");
  IRQ0("sti, hlt", "sti\nhlt\nnop");
  IRQ0("handler and back", "sti\nnop\nnop\nmov cx, 1", vector16(0x20, HANDLER), HANDLE16("push ax\nmov al, 0x20\nout 0x20, al\npop ax\nmov edx, 0x600d\niret"));
  IRQ0("beyond the limit of the table", "sti\nnop\nnop", LOW->idt_limit = 0x7f);
  out8(0x20, 0x20);
  out8(0x21, 0xff);
}

static void instructions(void) {
  group("real mode, instructions");
  R("lldt", "lldt ax");
  R("ltr", "ltr ax");
  R("sldt", "sldt ax");
  R("str", "str ax");
  R("lar", "lar ax, cx");
  R("lsl", "lsl ax, cx");
  R("verr", "verr ax");
  R("verw", "verw ax");
  R("arpl", ".byte 0x63, 0xc0");
  R("sysenter", "sysenter");
  R("sysexit", "sysexit");
  R("rsm", "rsm");
  R("loadall of the 286", ".byte 0x0f, 0x05");
  R("loadall of the 386", ".byte 0x0f, 0x07");
  R("smsw", "smsw ax\nand ax, 1");
  R("clts", "clts");
  R("cli sti", "sti\ncli");
  R("invlpg", "invlpg [bx]");
  R("wbinvd", "wbinvd");
  R("mov from dr7", "mov eax, dr7");
  differs("qemu", "reads 0 from registers that do not exist (SDM vol. 2, RDMSR: #GP(0))");
  R("rdmsr of nothing", "rdmsr", in.ecx = 0x12345);
  R("rdtsc", "rdtsc\nxor eax, eax\nxor edx, edx");
  R("in and out need no permission", "out 0x80, al\nin al, 0x80\nmov al, 0");
  R("mov cs", ".byte 0x8e, 0xc8");
  differs("qemu", "leaves protected mode and dies, so the case is left out for it (SDM vol. 3, 2.5: #GP)");
  if (!is_tcg()) R("paging without protection", "mov cr0, eax", in.eax = 0x80000010);
  R("lmsw leaves nothing behind", "smsw ax\nlmsw ax\nmov ax, 0");
}

static void limits(void) {
  group("real mode, 64 KiB");
  differs_all("qemu", "does not check limits (SDM vol. 3, 5.3, 20.1.1)");
  R("byte at ffff", "mov al, [bx]", in.ebx = 0xffff, poke8(DATA + 0xffff, 0x33));
  R("word at ffff", "mov ax, [bx]", in.ebx = 0xffff);
  R("word written at ffff", "mov [bx], ax", in.ebx = 0xffff, watch8(DATA + 0xffff, 2));
  R("dword at fffc", "mov eax, [bx]", in.ebx = 0xfffc, poke32(DATA + 0xfffc, 0x12345678));
  R("dword at fffd", "mov eax, [bx]", in.ebx = 0xfffd);
  R("qword at fff9", "fld qword ptr [bx]", in.ebx = 0xfff9);
  R("32-bit offset above", "addr32 mov al, [ebx]", in.ebx = 0x10000);
  R("32-bit offset, negative", "addr32 mov al, [ebx-1]", in.ebx = 0);
  R("bx+si wraps", "mov ax, [bx+si]", in.ebx = 0xfff0, in.esi = 0x12, poke16(DATA + 2, 0x2468));
  R("bp+di wraps in the stack", "mov ax, [bp+di]", in.ebp = 0xfff0, in.edi = 0x12, poke16(STACK3 + 2, 0x1357));
  R("bp at ffff is #12", "mov ax, [bp]", in.ebp = 0xffff);
  R("push at 0 wraps", "push ax\nmov cx, sp", in.esp = 0, watch16(STACK3 + 0xfffe, 1));
  R("push leaves the upper half of esp", "push ax\nmov ecx, esp", in.esp = 0x12340000, watch16(STACK3 + 0xfffe, 1));
  R("push dword at 2 is #12", "push eax", in.esp = 2);
  R("pop at ffff is #12", "pop ax", in.esp = 0xffff);
  R("pop at fffe wraps", "pop ax\nmov cx, sp", in.esp = 0xfffe);
  R("popd at fffe is #12", "pop eax", in.esp = 0xfffe);
  R("pusha at 10", "pusha\nmov cx, sp", in.esp = 0x10);
  R("pusha at 8", "pusha", in.esp = 8);
  R("pusha at d", "pusha", in.esp = 0xd);
  R("popa at fff8", "popa\nmov cx, sp", in.esp = 0xfff8);
  R("call pushes at 0", "call 1f\n1: mov cx, sp", in.esp = 0, watch16(STACK3 + 0xfffe, 1));
  differs("qemu", "does not wrap SP between the words of RETF (SDM vol. 1, 3.3.4, 6.2.2)");
  R("far call pushes at 2", "call 0x6000:0\nmov cx, 1", in.esp = 2, HANDLE16("mov dx, sp\nretf"), watch16(STACK3, 1), watch16(STACK3 + 0xfffe, 1));
  R("int pushes at 4", "int 0x40\nmov cx, 1", in.esp = 4, vector16(0x40, HANDLER), HANDLE16("mov dx, sp\niret"), watch16(STACK3 + 0xfffe, 1));
  R("int pushes at 0", "int 0x40\nmov cx, 1", in.esp = 0, vector16(0x40, HANDLER), HANDLE16("mov dx, sp\niret"));
  R("enter at 2", "enter 0, 0\nmov cx, sp", in.esp = 2);
  R("enter makes room across 0", "enter 16, 0\nmov cx, sp", in.esp = 8);
  R("leave at fffe", "leave\nmov cx, sp", in.ebp = 0xfffe);
  R("jmp wraps ip", ".byte 0xe9, 0xed, 0xff", memcpy((void *)(CODE + 0xfff0), "\xeb\x20", 2), memcpy((void *)(CODE + 0x12), "\x90\xcd\xff", 3));
  R("running off ffff", ".byte 0xcd, 0xff, 0xe9, 0xf9, 0xff", in.eip = 2, poke8(DATA, 0xcc), memcpy((void *)(CODE + 0xfffe), "\x90\x90", 2));
  R("instruction across ffff", ".byte 0xcd, 0xff, 0xe9, 0xfa, 0xff", in.eip = 2, memcpy((void *)(CODE + 0xffff), "\xb0", 1), poke8(DATA, 0xcc));
  R("32-bit jmp above", ".byte 0x66, 0xe9\n.long 0x20000", poke8(CODE + 0x20006, 0xcc));
  R("ret takes 16 bits", "push 0x0012\npush 5\nret\nmov ax, 1");
  differs("qemu", "does not check EIP against the limit (SDM vol. 2, RET: #GP(0))");
  R("ret with 32-bit operands above", "push 0x0001\npush 9\n.byte 0x66\nret");
  R("lodsw at ffff", "cld\nlodsw", in.esi = 0xffff);
  R("lodsb wraps si", "cld\nlodsb\nlodsb", in.esi = 0xffff, poke8(DATA, 0x44));
  R("rep stosb wraps di", "cld\nrep stosb", in.edi = 0xfffe, in.ecx = 4, watch16(DATA, 1));
  R("rep stosw at ffff", "cld\nrep stosw", in.edi = 0xfffd, in.ecx = 3);
  R("rep movsb down across 0", "std\nrep movsb", in.esi = 1, in.edi = 0x201, in.ecx = 4, in.eflags |= DF);
  R("linear address above 1 MiB", "mov ax, [bx]\nsub ax, cx", in.ds = 0xffff, in.ebx = 0x10, in.ecx = *(u16 *)0x100000);
  R("null selector is address 0", "mov ds, ax\nmov cx, [bx]", in.eax = 0, in.ebx = 0x500, poke16(0x500, 0x1234));
}

static void transfers(void) {
  group("real mode, far transfers");
  R("jmp", "jmp 0x6000:0x10", load(HANDLER + 0x10, SNIPPET(X16 "mov ax, 0x600d")));
  R("jmp through memory", "jmp dword ptr [bx]", poke32(DATA, 0x60000010), load(HANDLER + 0x10, SNIPPET(X16 "mov ax, 0x600d")));
  R("jmp with a 32-bit offset", ".byte 0x66, 0xea\n.long 0x10\n.word 0x6000", load(HANDLER + 0x10, SNIPPET(X16 "mov ax, 0x600d")));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, CALL, JMP, RET, real-address mode: #GP(0))");
  R("jmp with a 32-bit offset above", ".byte 0x66, 0xea\n.long 0x10010\n.word 0x6000");
  R("jmp through 48 bits of memory", ".byte 0x66, 0xff, 0x2f", poke32(DATA, 0x10), poke16(DATA + 4, 0x6000), load(HANDLER + 0x10, SNIPPET(X16 "mov ax, 0x600d")));
  differs("qemu", "does not check limits (SDM vol. 3, 5.3, 20.1.1)");
  R("jmp through memory across ffff", ".byte 0xff, 0x2f", in.ebx = 0xfffd);
  R("call and retf", "call 0x6000:0\nmov cx, 1", HANDLE16("mov ax, 0x600d\nmov dx, sp\nretf"), watch16(STACK3 + TOP - 4, 2));
  R("call with a 32-bit offset", ".byte 0x66, 0x9a\n.long 0\n.word 0x6000\nmov cx, 1", HANDLE16("mov ax, 0x600d\nmov dx, sp\n.byte 0x66\nretf"), watch(STACK3 + TOP - 8, 2));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, CALL, JMP, RET, real-address mode: #GP(0))");
  R("call with a 32-bit offset above", ".byte 0x66, 0x9a\n.long 0x10000\n.word 0x6000", watch(STACK3 + TOP - 8, 2));
  R("retf n", "push 1\npush 2\npush cs\npush 10\nretf 4\nnop\nmov ax, 1\nmov cx, sp");
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, CALL, JMP, RET, real-address mode: #GP(0))");
  R("retf above ffff", ".byte 0x66\npush cs\n.byte 0x66, 0x68\n.long 0x10000\n.byte 0x66\nretf");
  R("les", "les dx, [bx]\nmov ax, es:[0]", poke32(DATA, 0x60001234), poke16(HANDLER, 0x5678));
  R("lss holds nothing back but the stack", "lss sp, [bx]\npush ax\nmov cx, sp", poke32(DATA, (u32)(STACK >> 4) << 16 | 0x800), watch16(STACK + 0x7fe, 1));
  R("32-bit lfs", "lfs edx, [bx]\nmov ax, fs:[0]", poke32(DATA, 0x12345678), poke16(DATA + 4, 0x6000), poke16(HANDLER, 0x5678));
  R("selector with low bits", "jmp 0x5fff:0x13", load(HANDLER + 3, SNIPPET(X16 "mov ax, cs")));
}

static void big_real(void) {
  group("big real mode");
  u64 flat = segment(0, 0xfffff, PRESENT | WRITABLE | ACCESSED, PAGES);
#define BIG_DS describe(S0, flat), LOW->ds = S0
  R("data above 64 KiB", "addr32 mov ax, [ebx]", BIG_DS, in.ebx = HANDLER - DATA, poke16(HANDLER, 0x600d));
  R("data above 1 MiB", "addr32 mov eax, [ebx]\nsub eax, ecx", BIG_DS, in.ebx = 0x100000 - DATA, in.ecx = *(u32 *)0x100000);
  R("16-bit offsets do not wrap into the second 64 KiB", "mov ax, [bx+si]", BIG_DS, in.ebx = 0xfff0, in.esi = 0x12, poke16(DATA + 2, 0x600d), poke16(DATA + 0x10002, 0x1234));
  R("word at ffff", "mov ax, [bx]", BIG_DS, in.ebx = 0xffff, poke8(DATA + 0xffff, 0x34), poke8(DATA + 0x10000, 0x12));
  R("loading ds keeps the limit", "mov ds, cx\naddr32 mov ax, [ebx]", BIG_DS, in.ecx = 0x5000, in.ebx = HANDLER - STACK3, poke16(HANDLER, 0x600d));
  R("int and back keep the limit", "int 0x40\naddr32 mov ax, [ebx]", BIG_DS, vector16(0x40, HANDLER), HANDLE16("push ds\npush cs\npop ds\npop ds\niret"), in.ebx = SECOND - DATA, poke16(SECOND, 0x600d));
  differs("qemu", "does not check limits (SDM vol. 3, 5.3, 20.1.1)");
  R("es keeps its own limit", "addr32 mov ax, es:[ebx]", BIG_DS, in.ebx = 0x10000);
  R("rep movsd with 32-bit addresses", "cld\naddr32 rep movsd", describe(S0, flat), LOW->ds = LOW->es = S0, in.esi = HANDLER - DATA, in.edi = SECOND - DATA, in.ecx = 2, poke32(HANDLER, 0x600d), watch(SECOND, 2));
  differs("qemu", "pushes at SP when it delivers in real mode, whatever B of SS says (SDM vol. 1, 6.2.3)");
  R("big stack, push uses esp", "push ax\nmov ecx, esp", describe(S0, segment(0, 0xfffff, PRESENT | WRITABLE | ACCESSED, BIG | PAGES)), LOW->ss = S0, in.esp = 0x11000, watch16(STACK3 + 0x10ffe, 1));
  differs("qemu", "pushes at SP when it delivers in real mode, whatever B of SS says (SDM vol. 1, 6.2.3)");
  R("big stack, loading ss keeps it big", "mov ss, dx\npush ax\nmov ecx, esp", describe(S0, segment(0, 0xfffff, PRESENT | WRITABLE | ACCESSED, BIG | PAGES)), LOW->ss = S0, in.edx = 0x6000, in.esp = 0x11000, watch16(HANDLER + 0x10ffe, 1));
  differs("qemu", "does not check limits (SDM vol. 3, 5.3, 20.1.1)");
  R("a small limit stays as well", "mov ds, cx\nmov ax, [bx]", describe(S0, segment(0, 0xfff, PRESENT | WRITABLE | ACCESSED, 0)), LOW->ds = S0, in.ecx = DATA >> 4, in.ebx = 0x1000);
  R("within a small limit", "mov ds, cx\nmov ax, [bx]", describe(S0, segment(0, 0xfff, PRESENT | WRITABLE | ACCESSED, 0)), LOW->ds = S0, in.ecx = DATA >> 4, in.ebx = 0xffe);
}

#define TO_PROTECTED "mov eax, cr0\nor al, 1\nmov cr0, eax\nmov eax, 0\n"
#define TO_REAL "mov eax, cr0\nand al, 0xfe\nmov cr0, eax\nmov eax, 0\n"
static void switches(void) {
  group("switches of mode");
  R("protected before the far jump, segments as they were", TO_PROTECTED "mov cx, [bx]\nmov edx, cs\n" TO_REAL, poke16(DATA, 0x600d));
  R("protected and back, big real mode by the book", "cli\n" TO_PROTECTED "mov cx, 0x88\nmov ds, cx\n" TO_REAL "mov cx, 0\nmov ds, cx\naddr32 mov ax, [ebx]\nand eax, 0xffff", describe(S0, segment(0, 0xfffff, PRESENT | WRITABLE | ACCESSED, PAGES)), in.ebx = 0x60000, poke16(HANDLER, 0x600d));
  R("lmsw sets PE, does not clear it", "smsw cx\nor cx, 1\nlmsw cx\nand cx, 0xfffe\nlmsw cx\nsmsw dx\nand dx, 1\n" TO_REAL "xor ecx, ecx");
  R("privilege 0 before the far jump", TO_PROTECTED "mov ecx, dr7\ncli\n" TO_REAL);
  R("fault in protected mode through the other table", "lidt [bx+8]\n" TO_PROTECTED "ud2", poke16(DATA + 8, sizeof idt - 1), poke32(DATA + 10, (u32)idt));
  R("to 16-bit protected mode", "lidt [bx+8]\n" TO_PROTECTED "jmp 0x40:1f - 771b\n1: mov ax, 0x600d\nmov cx, cs\nmov bx, [0]", poke16(DATA + 8, sizeof idt - 1), poke32(DATA + 10, (u32)idt), poke16(DATA, 0x1234));
  R("to 32-bit protected mode", "lidt [bx+8]\n" TO_PROTECTED ".byte 0x66, 0xea\n.long 0x60000\n.word 8", poke16(DATA + 8, sizeof idt - 1), poke32(DATA + 10, (u32)idt), HANDLE("mov eax, 0x600d\nmov ecx, cs\nmov edx, 0x10\nmov ds, edx"));
  R("stack and data of real mode in protected mode", "lidt [bx+8]\n" TO_PROTECTED ".byte 0x66, 0xea\n.long 0x60000\n.word 8", poke16(DATA + 8, sizeof idt - 1), poke32(DATA + 10, (u32)idt), HANDLE("push ax\nmov ecx, esp\nmov ax, [0x20]"), poke16(DATA + 0x20, 0x7777), watch16(STACK3 + TOP - 2, 1));
  R("far jump in real mode loads a segment", "jmp 0x6000:0", HANDLE16("mov cx, cs\n" TO_PROTECTED TO_REAL "mov dx, cs"));
  R("ds loaded with a 16-bit segment and left", TO_PROTECTED "mov cx, 0x88\nmov ds, cx\n" TO_REAL "mov ax, [bx]", describe(S0, segment(SECOND, 0xffff, PRESENT | WRITABLE | ACCESSED, 0)), poke16(SECOND, 0x600d));
  CASE("from protected to real mode and back", "lidt [ebx]\n.byte 0xea\n.long 1f - 771b\n.word 0x40\n" X16 "1: mov dx, 0x48\nmov ss, dx\nmov ds, dx\nmov eax, cr0\nand al, 0xfe\nmov cr0, eax\njmp 0x2000:2f - 771b\n2: mov dx, 0x3000\nmov ds, dx\nmov cx, [0x10]\nmov dx, 0x4000\nmov ss, dx\nint 0x40\nlidt [0x20]\nmov eax, cr0\nor al, 1\nmov cr0, eax\n.byte 0x66, 0xea\n.long 0x20000 + 3f - 771b\n.word 8\n.code32\n3: mov eax, 0x10\nmov ds, eax\nmov ss, eax", real(), real_mode = 0, in.eip = CODE, in.cs = C0, in.ss = in.ds = in.es = in.fs = in.gs = D0, in.ebx = DATA, in.esp = STACK + TOP, poke16(DATA, 0x3ff), poke32(DATA + 2, IVT), vector16(0x40, HANDLER), HANDLE16("mov si, 0x600d\niret"), poke16(DATA + 0x10, 0x1234), poke16(DATA + 0x20, sizeof idt - 1), poke32(DATA + 0x22, (u32)idt));
}

static void a20(void) {
  group("real mode, A20");
#define WAIT "1: in al, 0x64\ntest al, 2\njnz 1b\n"
#define A20(value, port92) "mov al, 0xd1\nout 0x64, al\n" WAIT "mov al, " value "\nout 0x60, al\n" WAIT "in al, 0x92\n" port92 "\nout 0x92, al\n"
  R("ffff:0510 is 0:0500 while it is off", "mov si, 0x500\nmov di, 0x510\nmov cx, 0xffff\nmov fs, cx\nxor cx, cx\nmov gs, cx\n" A20("0xdd", "and al, 0xfc") "mov cx, fs:[di]\nmov word ptr fs:[di], 0x1111\nmov dx, gs:[si]\n" A20("0xdf", "or al, 2") "mov al, 0\nmov bx, fs:[di]\nsub bx, gs:[si]\nneg bx\nsbb bx, bx", poke32(0x500, 0x12345678));
}

void real_cases(void) {
  interrupts();
  table();
  hardware();
  instructions();
  limits();
  transfers();
  big_real();
  switches();
  a20();
}
