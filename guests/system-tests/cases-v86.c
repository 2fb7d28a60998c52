/* Virtual-8086 mode: sensitive instructions, INT, IRET, I/O, segments, wrap (SDM vol. 3, chapter 20). */
#include "harness.h"

#define V(iopl, name, text, ...) CASE(name, X16 text, v86(iopl), ##__VA_ARGS__)
#define FRAME watch(STACK + TOP - 36, 9)

static void sensitive(void) {
  group("virtual-8086 mode, IOPL 0");
  V(0, "cli", "cli");
  V(0, "sti", "sti");
  V(0, "pushf", "pushf");
  V(0, "popf", "popf");
  V(0, "pushfd", "pushfd");
  V(0, "int", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, C0, HANDLER, 0));
  V(0, "iret", "iret");
  V(0, "int3 needs no IOPL", "int3");
  V(0, "into needs no IOPL", "into", in.eflags |= OF);
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  V(0, "icebp", ".byte 0xf1");
  V(0, "bound", "bound ax, [bx]", in.eax = 9);
  V(0, "out without bitmap", "out 0x80, al");
  V(0, "out with bitmap", "out 0x80, al", tss.map = 104, memset(tss.bits, 0, 64));
  differs("qemu", "checks IOPL before LOCK (SDM vol. 2, LOCK: #UD)");
  V(0, "lock cli is #UD", ".byte 0xf0\ncli");
  group("virtual-8086 mode, IOPL 3");
  V(3, "cli sti", "cli\nsti\nnop\ncli");
  V(3, "pushf", "pushf\npop ax", in.eflags |= IF);
  V(3, "pushfd hides VM and RF", "pushfd\npop eax", in.eflags |= IF);
  V(3, "popf keeps IOPL", "push 0x4ed7\npopf\npushf\npop ax\npush 2\npopf");
  V(3, "popfd keeps VM", "push 0\npush 0x0002\npopfd\nnop\nmov ax, 0x600d");
  V(3, "int pushes segments", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, C0, HANDLER, 0), HANDLE("mov eax, ds\nmov ecx, gs\nmov edx, esp\npushfd\npop esi"), in.eflags |= IF, in.gs = 0x1234, in.es = 0x4321, FRAME);
  V(3, "int, trap gate", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_TRAP32, C0, HANDLER, 0), HANDLE("pushfd\npop esi"), in.eflags |= IF);
  V(3, "int, 16-bit gate", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT16, H0_16, 0, 0), load(HANDLER, SNIPPET(X16 "mov eax, esp")), watch16(STACK + TOP - 18, 9));
  V(3, "int, gate DPL 0", "int 0x40");
  V(3, "int to DPL 3 code", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, C3, HANDLER, 0));
  differs("qemu", "enters ring 1 from virtual-8086 mode (SDM vol. 2, INT: #GP(selector))");
  V(3, "int to DPL 1 code", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, C1, HANDLER, 0));
  V(3, "int to conforming code", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, CONFORMING, HANDLER, 0));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  V(3, "ud2 to conforming code", "ud2", idt[6] = gate(PRESENT | TYPE_INT32, CONFORMING, HANDLER, 0));
  V(3, "int through a task gate", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_TASK, TSS2, 0, 0), HANDLE("mov eax, [esp]"), watch((u32)&tss.eip, 2));
  V(3, "int and back", "int 0x40\nmov cx, cs", idt[0x40] = gate(PRESENT | DPL3 | TYPE_INT32, C0, HANDLER, 0), load(HANDLER, SNIPPET("mov eax, 0x600d\niretd")), in.gs = 0x1234);
  V(3, "iret", "push 2\npush 0x2000\npush 9\niret\nnop\nnop\nnop\nnop\nnop\nmov ax, 1");
  V(3, "iretd keeps VM and IOPL", ".byte 0x66\npush 2\n.byte 0x66\npush cs\n.byte 0x66\npush 12\niretd\nnop\nnop\nnop\nnop\nnop");
  V(3, "out ignores IOPL", "out 0x80, al");
}

static void instructions(void) {
  group("virtual-8086 mode, instructions");
  V(3, "hlt", "hlt");
  V(3, "mov cr0", "mov eax, cr0");
  V(3, "mov dr7", "mov eax, dr7");
  V(3, "lgdt", "lgdt [bx]");
  V(3, "lmsw", "lmsw ax");
  V(3, "smsw", "smsw ax\nand ax, 1");
  V(3, "sgdt", "sgdt [bx]", watch16(DATA, 1));
  V(3, "clts", "clts");
  V(3, "invlpg", "invlpg [bx]");
  V(3, "wbinvd", "wbinvd");
  V(3, "rdmsr", "rdmsr");
  V(3, "sldt", "sldt ax");
  V(3, "str", "str ax");
  V(3, "lldt", "lldt ax");
  V(3, "ltr", "ltr ax");
  V(3, "lar", "lar ax, cx");
  V(3, "lsl", "lsl ax, cx");
  V(3, "verr", "verr ax");
  V(3, "verw", "verw ax");
  V(3, "arpl", ".byte 0x63, 0xc0");
  V(3, "cpuid", "mov eax, 0\ncpuid\nxor ax, ax", quiet_registers = 1);
  quiet_registers = 0;
  V(3, "sysexit", "sysexit");
  V(3, "far jmp", "jmp 0x6000:0x10", memcpy((void *)(HANDLER + 0x10), "\xb8\x0d\x60\xcd\xff", 5));
  V(3, "far call and retf", "call 0x6000:0x10\nmov cx, 1", memcpy((void *)(HANDLER + 0x10), "\xb8\x0d\x60\xcb", 4));
  V(3, "mov ds takes any value", "mov ds, ax\nmov cx, [0]", in.eax = 0x6001, poke16(HANDLER + 0x10, 0x1357));
  V(3, "mov ss null", "mov ss, ax\nmov sp, 0x100\nmov cx, ss", in.eax = 0x7000);
  V(3, "segments are writable 64 KiB data", "mov cs:[0x800], ax\nmov cx, cs:[0x800]");
  differs("qemu", "does not check limits (SDM vol. 3, 5.3)");
  V(3, "limit survives a wider protected segment", "mov bx, 0xffff\nmov ax, [bx]");
}

static void wrap(void) {
  group("virtual-8086 mode, 64 KiB");
  differs_all("qemu", "does not check limits (SDM vol. 3, 5.3, 20.1.1)");
  V(3, "word at ffff", "mov ax, [bx]", in.ebx = 0xffff);
  V(3, "dword at fffd", "mov eax, [bx]", in.ebx = 0xfffd);
  V(3, "byte at ffff", "mov al, [bx]", in.ebx = 0xffff, poke8(DATA + 0xffff, 0x33));
  V(3, "32-bit offset above", "addr32 mov al, [ebx]", in.ebx = 0x10000);
  V(3, "bx+si wraps", "mov ax, [bx+si]", in.ebx = 0xfff0, in.esi = 0x12, poke16(DATA + 2, 0x2468));
  V(3, "push at 0 wraps", "push ax\nmov cx, sp", in.esp = 0, poke16(STACK3 + 0xfffe, 0), watch16(STACK3 + 0xfffe, 1));
  V(3, "push at 1", "push ax", in.esp = 1);
  V(3, "push dword at 2", "push eax", in.esp = 2);
  V(3, "pop at ffff", "pop ax", in.esp = 0xffff);
  V(3, "pop at fffe wraps", "pop ax\nmov cx, sp", in.esp = 0xfffe);
  V(3, "pusha at 8", "pusha", in.esp = 8);
  V(3, "pusha at 7", "pusha", in.esp = 7);
  V(3, "jmp wraps ip", ".byte 0xe9, 0xed, 0xff", memcpy((void *)(CODE + 0xfff0), "\xeb\x20", 2), memcpy((void *)(CODE + 0x12), "\x90\xcd\xff", 3));
  V(3, "running off ffff", ".byte 0xcd, 0xff, 0xe9, 0xf9, 0xff", in.eip = 2, poke8(DATA, 0xcc), memcpy((void *)(CODE + 0xfffe), "\x90\x90", 2));
  V(3, "32-bit jmp above", ".byte 0x66, 0xe9\n.long 0x20000", poke8(CODE + 0x20006, 0xcc));
  V(3, "lodsw at ffff", "cld\nlodsw", in.esi = 0xffff);
  V(3, "rep stosb wraps di", "cld\nrep stosb", in.edi = 0xfffe, in.ecx = 4, watch16(DATA, 1));
  V(3, "rep stosw at ffff", "cld\nrep stosw", in.edi = 0xfffd, in.ecx = 3);
  V(3, "bp at ffff is #SS", "mov ax, [bp]", in.ebp = 0xffff);
  V(3, "enter at 2", "enter 0, 0\nmov cx, sp", in.esp = 2);
  V(3, "linear address above 1 MiB", "mov ax, [bx]\nsub ax, cx", in.ds = 0xffff, in.ebx = 0x10, in.ecx = *(u16 *)0x100000);
  V(3, "call pushes at 0", "call 1f\n1: mov cx, sp", in.esp = 0, watch16(STACK3 + 0xfffe, 1));
  V(3, "single step", "nop\nnop\npush ax", in.eflags |= TF, trace(5));
}

void v86_cases(void) {
  sensitive();
  instructions();
  wrap();
}
