/* INT and IRET: gates of every type at every privilege, error codes, flags, outer rings (SDM vol. 3, 6.11-6.13; vol. 2, INT, IRET). */
#include "harness.h"

#define MARK "mov eax, 0x600d\nmov ecx, cs\nmov edx, ss\npushfd\npop esi"
#define INT_CASE(name, ...) CASE(name, "int 0x40", HANDLE(MARK), __VA_ARGS__)
#define GATE(type, selector) idt[0x40] = gate(PRESENT | DPL3 | (type), selector, HANDLER, 0)
#define GATE16(type) idt[0x40] = gate(PRESENT | DPL3 | (type), H0_16, 0xabcd0000, 0), load(HANDLER, SNIPPET(X16 MARK))
/* TF: the case itself would be stepped. */
#define FLAGS in.eflags |= IF | DF | CF | IOPL3 | AC

static void gates(void) {
  group("INT through gates, ring 0");
  INT_CASE("interrupt gate", GATE(TYPE_INT32, C0), FLAGS, watch(STACK + TOP - 16, 4));
  INT_CASE("trap gate", GATE(TYPE_TRAP32, C0), FLAGS, watch(STACK + TOP - 16, 4));
  differs("qemu", "takes the reserved upper half of the offset of a 16-bit gate (SDM vol. 3, 6.11)");
  INT_CASE("16-bit interrupt gate", GATE16(TYPE_INT16), FLAGS, watch16(STACK + TOP - 6, 3));
  differs("qemu", "takes the reserved upper half of the offset of a 16-bit gate (SDM vol. 3, 6.11)");
  INT_CASE("16-bit trap gate", GATE16(TYPE_TRAP16), FLAGS, watch16(STACK + TOP - 6, 3));
  CASE("NT is cleared", "pushfd\nor dword ptr [esp], 0x4000\npopfd\nint 0x40", HANDLE(MARK), GATE(TYPE_TRAP32, C0), watch(STACK + TOP - 4, 1));
  INT_CASE("call gate", GATE(TYPE_CALL32, C0));
  INT_CASE("TSS", GATE(TYPE_TSS32, C0));
  INT_CASE("empty", idt[0x40] = 0);
  INT_CASE("not present", idt[0x40] = gate(TYPE_INT32, C0, HANDLER, 0));
  INT_CASE("not present and wrong type", idt[0x40] = gate(TYPE_CALL32, C0, HANDLER, 0));
  INT_CASE("null selector", GATE(TYPE_INT32, 0));
  INT_CASE("data selector", GATE(TYPE_INT32, D0));
  INT_CASE("selector beyond GDT", GATE(TYPE_INT32, GDT_SIZE));
  INT_CASE("code not present", GATE(TYPE_INT32, S0), describe(S0, segment(0, 0xfffff, READABLE, BIG | PAGES)));
  INT_CASE("code DPL 3 from ring 0", GATE(TYPE_INT32, C3));
  INT_CASE("selector RPL 3 is ignored", GATE(TYPE_INT32, C0 + 3));
  INT_CASE("conforming code", GATE(TYPE_INT32, CONFORMING));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, INT: #GP(0))");
  INT_CASE("offset beyond limit", GATE(TYPE_INT32, S0), describe(S0, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  CASE("beyond IDT", "lidt [ebx]\nint 0x40", poke16(DATA, 0x40 * 8 + 6), poke32(DATA + 2, (u32)idt));
  CASE("at the IDT's limit", "lidt [ebx]\nint 0x40", poke16(DATA, 0x40 * 8 + 7), poke32(DATA + 2, (u32)idt));
}

#define R3(name, ...) RING_CASE(3, name, "int 0x40", HANDLE(MARK "\nmov edi, esp"), __VA_ARGS__)

static void inner(void) {
  group("INT from ring 3");
  R3("interrupt gate to ring 0", GATE(TYPE_INT32, C0), FLAGS, watch(STACK + TOP - 20, 5));
  R3("trap gate to ring 0", GATE(TYPE_TRAP32, C0), FLAGS, watch(STACK + TOP - 20, 5));
  differs("qemu", "takes the reserved upper half of the offset of a 16-bit gate (SDM vol. 3, 6.11)");
  R3("16-bit interrupt gate to ring 0", GATE16(TYPE_INT16), FLAGS, watch16(STACK + TOP - 10, 5));
  R3("gate to ring 1", GATE(TYPE_TRAP32, C1), watch(STACK + 2 * TOP - 20, 5));
  R3("gate to ring 3", GATE(TYPE_TRAP32, C3), watch(STACK3 + TOP - 12, 3));
  R3("gate to conforming code", GATE(TYPE_TRAP32, CONFORMING));
  R3("gate DPL 0", idt[0x40] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  R3("gate DPL 2", idt[0x40] = gate(PRESENT | DPL2 | TYPE_INT32, C0, HANDLER, 0));
  R3("gate DPL 0, not present", idt[0x40] = gate(TYPE_INT32, C0, HANDLER, 0));
  R3("SS1 null", GATE(TYPE_INT32, C1), tss.ss1 = 0);
  R3("SS1 DPL 3", GATE(TYPE_INT32, C1), tss.ss1 = (D3 & ~3) + 1);
  differs("qemu", "raises #TS; an inner stack segment not present is #SS(selector) (SDM vol. 2, CALL, INT)");
  R3("SS1 not present", GATE(TYPE_INT32, C1), tss.ss1 = S0 + 1, describe(S0, segment(0, 0xfffff, DPL1 | WRITABLE, BIG | PAGES)));
  differs("qemu", "does not check stack limits (SDM vol. 3, 5.3)");
  R3("stack 1 too small", GATE(TYPE_INT32, C1), tss.ss1 = S0 + 1, tss.esp1 = 16, describe(S0, segment(STACK, 0xfff, PRESENT | DPL1 | WRITABLE, BIG)));
  RING_CASE(3, "int3, gate DPL 0", "int3", idt[3] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  RING_CASE(3, "int3, gate DPL 3", "int3");
  RING_CASE(3, "cd 03, gate DPL 0", ".byte 0xcd, 3", idt[3] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  RING_CASE(3, "into, gate DPL 0", "into", in.eflags |= OF, idt[4] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  RING_CASE(3, "into, gate DPL 3", "into", in.eflags |= OF);
  RING_CASE(3, "into without OF", "into");
  RING_CASE(3, "bound, gate DPL 0", "bound eax, [ebx]", in.eax = 5, poke32(DATA, 6), poke32(DATA + 4, 9));
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  RING_CASE(3, "icebp, gate DPL 0", ".byte 0xf1", idt[1] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0), HANDLE(MARK));
}

static void exceptions(void) {
  group("exceptions");
  CASE("div by zero", "xor ecx, ecx\ndiv ecx");
  CASE("idiv overflow", "mov eax, 0x80000000\ncdq\nmov ecx, -1\nidiv ecx\nmov ebx, 1");
  CASE("aam 0", ".byte 0xd4, 0");
  CASE("bound inside", "bound eax, [ebx]", in.eax = -6, poke32(DATA, -6), poke32(DATA + 4, 9));
  CASE("bound above", "bound eax, [ebx]", in.eax = 10, poke32(DATA, -6), poke32(DATA + 4, 9));
  CASE("bound register", ".byte 0x62, 0xc0");
  CASE("ud2", "ud2");
  CASE("ud1", ".byte 0x0f, 0xb9, 0xc0");
  CASE("lock nop", ".byte 0xf0, 0x90");
  CASE("lock add register", ".byte 0xf0, 0x01, 0xc0");
  CASE("lock cmp memory", ".byte 0xf0, 0x39, 0x03");
  CASE("lock add memory", "lock add [ebx], eax", watch(DATA, 1));
  CASE("into", "into", in.eflags |= OF);
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("gate of #UD not present", "ud2", idt[6] = gate(TYPE_INT32, C0, HANDLER, 0));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("gate of #UD wrong type", "ud2", idt[6] = gate(PRESENT | TYPE_CALL32, C0, HANDLER, 0));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("gate of #UD to null", "ud2", idt[6] = gate(PRESENT | TYPE_INT32, 0, HANDLER, 0));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("gate of #UD to data", "ud2", idt[6] = gate(PRESENT | TYPE_INT32, D0, HANDLER, 0));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("gate of #UD to not present code", "ud2", idt[6] = gate(PRESENT | TYPE_INT32, S0, HANDLER, 0), describe(S0, segment(0, 0xfffff, READABLE, BIG | PAGES)));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, INT: #GP(EXT))");
  CASE("gate of #UD beyond limit", "ud2", idt[6] = gate(PRESENT | TYPE_INT32, S0, HANDLER, 0), describe(S0, segment(0, 0xff, PRESENT | READABLE, BIG)));
  CASE("gate of #BP not present, int3", "int3", idt[3] = gate(DPL3 | TYPE_INT32, C0, HANDLER, 0));
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  CASE("gate of #DB not present, icebp", ".byte 0xf1", idt[1] = gate(TYPE_INT32, C0, HANDLER, 0));
  CASE("gate of #OF not present, into", "into", in.eflags |= OF, idt[4] = gate(DPL3 | TYPE_INT32, C0, HANDLER, 0));
  CASE("gate of #UD ignores its DPL", "ud2", ring(3), idt[6] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0), HANDLE(MARK));
  CASE("error code through a 16-bit gate", "mov ds, eax", in.eax = 0x8a, idt[13] = gate(PRESENT | TYPE_INT16, H0_16, 0, 0), load(HANDLER, SNIPPET(X16 "mov bp, sp")), watch16(STACK + TOP - 8, 4));
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("error code from ring 3 to ring 1", "mov ds, eax", ring(3), in.eax = 0x8a, idt[13] = gate(PRESENT | TYPE_INT32, C1, HANDLER, 0), HANDLE(MARK), watch(STACK + 2 * TOP - 24, 6));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("SS1 null while delivering #UD", "ud2", ring(3), tss.ss1 = 0, idt[6] = gate(PRESENT | TYPE_INT32, C1, HANDLER, 0));
  differs("qemu", "raises #TS and leaves EXT out; an inner stack segment not present is #SS(selector + EXT) (SDM vol. 2, INT; vol. 3, 6.13)");
  CASE("SS1 not present while delivering #UD", "ud2", ring(3), tss.ss1 = S0 + 1, describe(S0, segment(0, 0xfffff, DPL1 | WRITABLE, BIG | PAGES)), idt[6] = gate(PRESENT | TYPE_INT32, C1, HANDLER, 0));
}

static void frame(u32 ss, u32 esp, u32 eflags, u32 cs, u32 eip) {
  in.esp = STACK + TOP - 36;
  poke32(in.esp, eip);
  poke32(in.esp + 4, cs);
  poke32(in.esp + 8, eflags);
  poke32(in.esp + 12, esp);
  poke32(in.esp + 16, ss);
  poke32(in.esp + 20, 0x1111);
  poke32(in.esp + 24, 0x2222);
  poke32(in.esp + 28, 0x3333);
  poke32(in.esp + 32, 0x4444);
}
#define IRET(name, ...) CASE(name, "iretd", HANDLE("mov eax, 0x600d\nmov ecx, cs\nmov edx, ss"), __VA_ARGS__)
#define ALL_FLAGS (0x3ffed7 & ~(TF | NT | VM | RF))

static void returns(void) {
  group("IRET");
  IRET("same ring", frame(0, 0, 2, C0, HANDLER));
  IRET("same ring, all flags", frame(0, 0, ALL_FLAGS & ~0x180000, C0, HANDLER));
  IRET("null", frame(0, 0, 2, 0, HANDLER));
  IRET("data", frame(0, 0, 2, D0, HANDLER));
  IRET("not present", frame(0, 0, 2, S0, HANDLER), describe(S0, segment(0, 0xfffff, READABLE, BIG | PAGES)));
  IRET("DPL 3, RPL 0", frame(0, 0, 2, C3 & ~3, HANDLER));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, IRET: #GP(0))");
  IRET("offset beyond limit", frame(0, 0, 2, S0, HANDLER), describe(S0, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  IRET("ring 3", frame(D3, STACK3 + TOP, 2, C3, HANDLER));
  IRET("ring 3, all flags", frame(D3, STACK3 + TOP, ALL_FLAGS & ~0x180000, C3, HANDLER));
  IRET("ring 3, data segments", frame(D3, STACK3 + TOP, 2, C3, HANDLER), in.fs = D3, in.gs = CONFORMING);
  IRET("ring 3, SS null", frame(0, STACK3 + TOP, 2, C3, HANDLER));
  IRET("ring 3, SS RPL 0", frame(D3 & ~3, STACK3 + TOP, 2, C3, HANDLER));
  IRET("ring 3, SS DPL 0", frame(D0 + 3, STACK3 + TOP, 2, C3, HANDLER));
  differs("hvm", "Bochs raises #NP; a stack segment not present is #SS(selector) (SDM vol. 2, IRET)");
  IRET("ring 3, SS not present", frame(S0 + 3, STACK3 + TOP, 2, C3, HANDLER), describe(S0, segment(0, 0xfffff, DPL3 | WRITABLE, BIG | PAGES)));
  IRET("ring 1", frame(D1, STACK3 + TOP, 2, C1, HANDLER));
  IRET("virtual-8086", frame(0x5000, TOP, 2 | VM | IOPL3, 0x6000, 0), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")));
  differs("hvm", "Bochs truncates EIP; beyond the limit is #GP(0) (SDM vol. 2, IRET, RETURN-TO-VIRTUAL-8086-MODE)");
  differs("qemu", "truncates EIP; beyond the limit is #GP(0) (SDM vol. 2, IRET, RETURN-TO-VIRTUAL-8086-MODE)");
  IRET("virtual-8086, eip above 64 KiB", frame(0x5000, TOP, 2 | VM | IOPL3, 0x6000, 0x10000), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")));
  IRET("virtual-8086, esp above 64 KiB", frame(0x5000, 0x12340000 | TOP, 2 | VM | IOPL3, 0x6000, 0), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")));
  CASE("16-bit", "iretw", HANDLE("mov eax, 0x600d"), in.esp = STACK + TOP - 6, poke16(in.esp, 0), poke16(in.esp + 2, S0), poke16(in.esp + 4, 0x0cd7), in.eflags |= AC, describe(S0, segment(HANDLER, 0xffff, PRESENT | READABLE, BIG)));
  RING_CASE(3, "ring 3 keeps IF and IOPL", "push 0x3ed7\npush 0x1b\npush 0x60000\niretd", HANDLE("mov eax, 0x600d"));
  RING_CASE(3, "ring 3 with IOPL 3 changes IF", "push 0x0ed7\npush 0x1b\npush 0x60000\niretd", in.eflags |= IOPL3, HANDLE("mov eax, 0x600d"));
  differs("qemu", "enters virtual-8086 mode from ring 3 (SDM vol. 2, IRET: only at CPL 0)");
  RING_CASE(3, "ring 3 ignores VM", "push 0x20002\npush 0x1b\npush 0x60000\niretd", HANDLE("mov eax, 0x600d"));
  RING_CASE(3, "to ring 0", "push 2\npush 8\npush 0x60000\niretd");
  RING_CASE(1, "ring 1 to 3", "push 0x23\npush 0x50f00\npush 0x3202\npush 0x1b\npush 0x60000\niretd", HANDLE("mov eax, 0x600d"));
  CASE("NT with a null back link", "iretd", in.eflags |= NT, frame(0, 0, 2, C0, HANDLER));
  group("flags");
  RING_CASE(3, "popf in ring 3", "push 0x247ed7\npopfd\npushfd\npop eax\npush 2\npopfd");
  RING_CASE(3, "popf in ring 3, IOPL 3", "push 0x244ed7\npopfd\npushfd\npop eax\npush 2\npopfd", in.eflags |= IOPL3);
  RING_CASE(1, "popf in ring 1, IOPL 1", "push 0x243ed7\npopfd\npushfd\npop eax\npush 2\npopfd", in.eflags |= 0x1000);
  CASE("popf in ring 0", "push 0x247ed7\npopfd\npushfd\npop eax\npush 2\npopfd");
  CASE("popf does not set VM and RF", "push 0x30002\npopfd\npushfd\npop eax");
  CASE("popf 16-bit keeps the upper half", "push 0x3ed7\npopfw\npushfd\npop eax\npush 2\npopfd\nmov ecx, esp\nmov esp, 0x41000", in.eflags |= AC);
  CASE("pushf does not show RF", "pushfd\npop eax", in.eflags |= RF);
  CASE("reserved bits", "push 0xffc0802a\npopfd\npushfd\npop eax\npush 2\npopfd");
}

void interrupt_cases(void) {
  gates();
  inner();
  exceptions();
  returns();
}
