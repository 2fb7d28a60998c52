/* Far JMP, CALL and RET: code segments, call gates of both sizes, other privileges (SDM vol. 3, 5.8; vol. 2, CALL, JMP, RET). */
#include "harness.h"

#define MARK "mov eax, 0x600d\nmov ecx, cs\nmov edx, ss"
/* Far JMP or CALL to S0 in the ways the caller describes. */
#define JMP_CASE(name, ...) CASE(name, "jmp 0x88:0x60000", HANDLE(MARK), __VA_ARGS__)
#define CALL_CASE(name, ...) CASE(name, "call 0x88:0x60000", HANDLE(MARK), __VA_ARGS__)
#define CODE_SEGMENT(access) describe(S0, segment(0, 0xfffff, access, BIG | PAGES))
#define CALL_GATE(dpl, selector, count) describe(S0, gate(PRESENT | dpl | TYPE_CALL32, selector, HANDLER, count))

static void jumps(void) {
  group("JMP far to a code segment");
  differs("qemu", "does not set the accessed bit here (SDM vol. 3, 3.4.5.1)");
  JMP_CASE("same privilege", CODE_SEGMENT(PRESENT | READABLE), watch((u32)&gdt[S0 / 8] + 4, 1));
  JMP_CASE("not present", CODE_SEGMENT(READABLE));
  JMP_CASE("data", CODE_SEGMENT(PRESENT | WRITABLE));
  JMP_CASE("not present data", CODE_SEGMENT(WRITABLE));
  JMP_CASE("DPL 3 from ring 0", CODE_SEGMENT(PRESENT | DPL3 | READABLE));
  JMP_CASE("DPL 0 from ring 3", ring(3), CODE_SEGMENT(PRESENT | READABLE));
  JMP_CASE("conforming DPL 0 from ring 3", ring(3), CODE_SEGMENT(PRESENT | CONFORM));
  JMP_CASE("conforming DPL 3 from ring 0", CODE_SEGMENT(PRESENT | DPL3 | CONFORM));
  JMP_CASE("conforming DPL 2 from ring 3", ring(3), CODE_SEGMENT(PRESENT | DPL2 | CONFORM));
  JMP_CASE("offset beyond limit", describe(S0, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  JMP_CASE("empty descriptor", describe(S0, 0));
  JMP_CASE("LDT descriptor", describe(S0, gdt[LDT / 8]));
  JMP_CASE("interrupt gate", describe(S0, gate(PRESENT | TYPE_INT32, C0, HANDLER, 0)));
  CASE("null", "jmp 0:0x60000");
  CASE("null 3", "jmp 3:0x60000");
  CASE("beyond GDT", "jmp 0x100:0x60000");
  CASE("in LDT", "jmp 0xc:0x60000", HANDLE(MARK), describe(0xc, segment(0, 0xfffff, PRESENT | READABLE, BIG | PAGES)));
  CASE("RPL 3 above CPL 0", "jmp 0xb:0x60000");
  RING_CASE(3, "RPL 0 below CPL 3", "jmp 0x18:0x60000", HANDLE(MARK));
  CASE("indirect", "jmp fword ptr [ebx]", poke32(DATA, HANDLER), poke32(DATA + 4, C0), HANDLE(MARK));
  CASE("indirect 16-bit offset", "data16 jmp fword ptr [ebx]", poke32(DATA, 0x12340000 | (S0 << 16)), poke32(DATA, S0 << 16 | 0x10),
       describe(S0, segment(HANDLER - 0x10, 0xffff, PRESENT | READABLE, BIG)), HANDLE(MARK));
  CASE("register operand", ".byte 0xff, 0xe8");
  CASE("into 16-bit code", "jmp 0xd0:0", load(HANDLER, SNIPPET(X16 "mov ax, 0x600d\nmov cx, cs")));
  CASE("execute-only", "jmp 0x88:0x60000", HANDLE("mov eax, 0x600d"), CODE_SEGMENT(PRESENT | EXECUTE_ONLY));
}

static void calls(void) {
  group("CALL far to a code segment");
  CALL_CASE("pushes", CODE_SEGMENT(PRESENT | READABLE), watch(STACK + TOP - 8, 2));
  CALL_CASE("not present", CODE_SEGMENT(READABLE));
  CALL_CASE("DPL 3 from ring 0", CODE_SEGMENT(PRESENT | DPL3 | READABLE));
  CALL_CASE("conforming from ring 3", ring(3), CODE_SEGMENT(PRESENT | CONFORM), watch(STACK3 + TOP - 8, 2));
  differs("qemu", "gives the selector as error code of an offset beyond the limit (SDM vol. 2, CALL: #GP(0))");
  CALL_CASE("offset beyond limit pushes nothing", describe(S0, segment(0, 0x5ffff, PRESENT | READABLE, BIG)), watch(STACK + TOP - 8, 2));
  CASE("16-bit operand", X16 "call 0xd0:0", code16(), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")), watch16(STACK + TOP - 4, 2));
  CASE("16-bit code, 32-bit operand", X16 ".byte 0x66, 0x9a\n.long 0\n.word 0xd0", code16(), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")), watch(STACK + TOP - 8, 2));
  CASE("and back", "call 8:0x60000\nmov ecx, 1", load(HANDLER, SNIPPET("mov eax, 0x600d\nretf")));
  CASE("and back, releasing 8", "push 1\npush 2\ncall 8:0x60000\nmov ecx, esp", load(HANDLER, SNIPPET("mov eax, 0x600d\nretf 8")));
  CASE("16-bit and back", X16 "call 0xd0:0\nmov cx, 1", code16(), load(HANDLER, SNIPPET(X16 "mov ax, 0x600d\nretf")));
  differs_all("qemu", "does not check stack limits (SDM vol. 3, 5.3)");
  CASE("stack limit", "call 8:0x60000", in.ss = D0, start(SNIPPET("mov eax, 0x90\nmov ss, eax\nmov esp, 0xffc\ncall 8:0x60000")), describe(S1, segment(STACK, 0xff7, PRESENT | DOWN | ACCESSED, BIG)), quiet_registers = 1, HANDLE(MARK));
  quiet_registers = 0;
}

static void same_gates(void) {
  group("call gates at the same privilege");
  JMP_CASE("jmp", CALL_GATE(DPL0, C0, 0));
  CALL_CASE("call", CALL_GATE(DPL0, C0, 0), watch(STACK + TOP - 8, 2));
  CALL_CASE("parameters are not copied", CALL_GATE(DPL0, C0, 5), watch(STACK + TOP - 8, 2));
  CALL_CASE("16-bit gate pushes words", describe(S0, gate(PRESENT | TYPE_CALL16, S1, 0, 0)), describe(S1, segment(HANDLER, 0xffff, PRESENT | READABLE, BIG)), watch16(STACK + TOP - 4, 2));
  CALL_CASE("gate not present", describe(S0, gate(TYPE_CALL32, C0, HANDLER, 0)));
  CALL_CASE("gate to null", CALL_GATE(DPL0, 0, 0));
  CALL_CASE("gate to data", CALL_GATE(DPL0, D0, 0));
  CALL_CASE("gate to TSS", CALL_GATE(DPL0, TSS2, 0));
  CALL_CASE("gate beyond GDT", CALL_GATE(DPL0, GDT_SIZE, 0));
  CALL_CASE("gate to not present code", CALL_GATE(DPL0, S1, 0), describe(S1, segment(0, 0xfffff, READABLE, BIG | PAGES)));
  CALL_CASE("gate to DPL 3 from ring 0", CALL_GATE(DPL0, C3, 0));
  CALL_CASE("gate RPL is ignored in its selector", CALL_GATE(DPL0, C0 + 3, 0));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, CALL: #GP(0))");
  CALL_CASE("gate offset beyond limit", CALL_GATE(DPL0, S1, 0), describe(S1, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  CASE("gate RPL 3 above gate DPL 0", "call 0x8b:0", CALL_GATE(DPL0, C0, 0));
  CASE("gate RPL 3, gate DPL 3", "call 0x8b:0", CALL_GATE(DPL3, C0, 0), HANDLE(MARK));
  RING_CASE(3, "gate DPL 0 from ring 3", "call 0x8b:0", CALL_GATE(DPL0, C0, 0));
  RING_CASE(3, "gate DPL 2 from ring 3", "call 0x8b:0", CALL_GATE(DPL2, C0, 0));
  RING_CASE(3, "jmp through a gate to DPL 0", "jmp 0x8b:0", CALL_GATE(DPL3, C0, 0));
  RING_CASE(3, "jmp through a gate to DPL 3", "jmp 0x8b:0", CALL_GATE(DPL3, C3, 0), HANDLE(MARK));
  differs("qemu", "switches to ring 0 for a conforming target (SDM vol. 3, 5.8.4)");
  RING_CASE(3, "conforming target keeps ring 3", "call 0x8b:0", CALL_GATE(DPL3, CONFORMING, 0), HANDLE(MARK), watch(STACK3 + TOP - 8, 2));
}

#define INNER(name, ...) RING_CASE(3, name, "call 0x8b:0", HANDLE(MARK "\nmov esi, esp"), __VA_ARGS__)

static void inner_gates(void) {
  group("call gates to an inner ring");
  INNER("ring 3 to 0", CALL_GATE(DPL3, C0, 0), watch(STACK + TOP - 16, 4));
  INNER("ring 3 to 0, three parameters", CALL_GATE(DPL3, C0, 3), poke32(STACK3 + TOP, 0x11), poke32(STACK3 + TOP + 4, 0x22), poke32(STACK3 + TOP + 8, 0x33), watch(STACK + TOP - 28, 7));
  INNER("ring 3 to 0, count uses five bits", CALL_GATE(DPL3, C0, 0xe1), poke32(STACK3 + TOP, 0x11), watch(STACK + TOP - 20, 5));
  INNER("ring 3 to 1", CALL_GATE(DPL3, C1, 0), watch(STACK + 2 * TOP - 16, 4));
  INNER("ring 3 to 2", CALL_GATE(DPL3, C2, 0), watch(STACK + 3 * TOP - 16, 4));
  CASE("ring 1 to 0", "call 0x88:0", ring(1), CALL_GATE(DPL1, C0, 0), HANDLE(MARK), watch(STACK + TOP - 16, 4));
  INNER("16-bit gate, two parameters", describe(S0, gate(PRESENT | DPL3 | TYPE_CALL16, H0_16, 0, 2)), load(HANDLER, SNIPPET(X16 MARK "\nmov esi, esp")), poke32(STACK3 + TOP, 0x22220011), watch16(STACK + TOP - 12, 6));
  INNER("SS0 null", CALL_GATE(DPL3, C0, 0), tss.ss0 = 0);
  INNER("SS0 RPL 3", CALL_GATE(DPL3, C0, 0), tss.ss0 = D0 + 3);
  INNER("SS0 DPL 3", CALL_GATE(DPL3, C0, 0), tss.ss0 = D3 & ~3);
  INNER("SS0 read-only", CALL_GATE(DPL3, C0, 0), tss.ss0 = S1, describe(S1, segment(0, 0xfffff, PRESENT | READ_ONLY, BIG | PAGES)));
  INNER("SS0 code", CALL_GATE(DPL3, C0, 0), tss.ss0 = C0);
  INNER("SS0 beyond GDT", CALL_GATE(DPL3, C0, 0), tss.ss0 = GDT_SIZE);
  INNER("SS1 null", CALL_GATE(DPL3, C1, 0), tss.ss1 = 0);
  INNER("SS1 RPL 0", CALL_GATE(DPL3, C1, 0), tss.ss1 = D1 & ~3);
  INNER("SS1 DPL 2", CALL_GATE(DPL3, C1, 0), tss.ss1 = (D2 & ~3) + 1);
  differs("qemu", "raises #TS; an inner stack segment not present is #SS(selector) (SDM vol. 2, CALL, INT)");
  INNER("SS1 not present", CALL_GATE(DPL3, C1, 0), tss.ss1 = S1 + 1, describe(S1, segment(0, 0xfffff, DPL1 | WRITABLE, BIG | PAGES)));
  differs("qemu", "does not check stack limits (SDM vol. 3, 5.3)");
  INNER("stack 1 too small", CALL_GATE(DPL3, C1, 0), tss.ss1 = S1 + 1, tss.esp1 = 12, describe(S1, segment(STACK, 0xfff, PRESENT | DPL1 | WRITABLE, BIG)));
  differs("qemu", "does not check stack limits (SDM vol. 3, 5.3)");
  INNER("stack 1 too small for the parameters", CALL_GATE(DPL3, C1, 4), tss.ss1 = S1 + 1, tss.esp1 = 28, describe(S1, segment(STACK, 0xfff, PRESENT | DPL1 | WRITABLE, BIG)));
  INNER("16-bit inner stack", CALL_GATE(DPL3, C1, 0), tss.ss1 = S1 + 1, tss.esp1 = 0xffff2000, describe(S1, segment(STACK, 0xffff, PRESENT | DPL1 | WRITABLE, 0)), watch(STACK + 0x2000 - 16, 4));
  INNER("TSS limit 16 cuts SS1", CALL_GATE(DPL3, C1, 0), describe(TSS, segment((u32)&tss, 16, PRESENT | TYPE_TSS32, 0)),
        ({ __asm__ volatile("ltr %w0" : : "r"(TSS)); }));
  differs("hvm", "Bochs wants the whole slot; TSSstackAddress + 5 = 17 is within limit 17 (SDM vol. 2, CALL, MORE-PRIVILEGE)");
  INNER("TSS limit 17 ends with SS1", CALL_GATE(DPL3, C1, 0), describe(TSS, segment((u32)&tss, 17, PRESENT | TYPE_TSS32, 0)),
        ({ __asm__ volatile("ltr %w0" : : "r"(TSS)); }));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, CALL: #GP(0))");
  INNER("target offset beyond limit", CALL_GATE(DPL3, S1, 0), describe(S1, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  INNER("and back", CALL_GATE(DPL3, C0, 2), load(HANDLER, SNIPPET("mov ecx, [esp+8]\nretf 8")), start(SNIPPET("push 1\npush 2\ncall 0x8b:0\nmov edx, cs")));
  INNER("16-bit and back", describe(S0, gate(PRESENT | DPL3 | TYPE_CALL16, H0_16, 0, 1)), in.cs = C3_16, in.ss = D3_16, in.eip = 0, in.esp = TOP,
        load(HANDLER, SNIPPET(X16 "mov bp, sp\nretf 2")), start(SNIPPET(X16 "push 0x77\ncall 0x8b:0\nmov dx, cs")));
}

static void push_frame(u32 ss, u32 esp, u32 cs, u32 eip) {
  in.esp = STACK + TOP - 16;
  poke32(in.esp, eip);
  poke32(in.esp + 4, cs);
  poke32(in.esp + 8, esp);
  poke32(in.esp + 12, ss);
}
#define RETF(name, ...) CASE(name, "retf", HANDLE(MARK), __VA_ARGS__)

static void returns(void) {
  group("RET far");
  RETF("same ring", push_frame(0, 0, C0, HANDLER));
  RETF("null", push_frame(0, 0, 0, HANDLER));
  RETF("null 3", push_frame(0, 0, 3, HANDLER));
  RETF("beyond GDT", push_frame(0, 0, GDT_SIZE, HANDLER));
  RETF("data", push_frame(0, 0, D0, HANDLER));
  RETF("call gate", push_frame(0, 0, S0, HANDLER), CALL_GATE(DPL0, C0, 0));
  RETF("not present", push_frame(0, 0, S0, HANDLER), CODE_SEGMENT(READABLE));
  RETF("DPL 3, RPL 0", push_frame(0, 0, C3 & ~3, HANDLER));
  RETF("conforming, RPL 0", push_frame(0, 0, CONFORMING, HANDLER));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, RET: #GP(0))");
  RETF("offset beyond limit", push_frame(0, 0, S0, HANDLER), describe(S0, segment(0, 0x5ffff, PRESENT | READABLE, BIG)));
  RING_CASE(3, "to RPL 0 from ring 3", "push 8\npush eax\nretf");
  RETF("ring 3", push_frame(D3, STACK3 + TOP, C3, HANDLER));
  RETF("ring 3 makes inner data segments null", push_frame(D3, STACK3 + TOP, C3, HANDLER), in.fs = D3, in.gs = CONFORMING, in.es = S0, describe(S0, segment(0, 0xfffff, PRESENT | DPL2 | READABLE | ACCESSED, BIG | PAGES)));
  RETF("ring 3, SS null", push_frame(0, STACK3 + TOP, C3, HANDLER));
  RETF("ring 3, SS RPL 0", push_frame(D3 & ~3, STACK3 + TOP, C3, HANDLER));
  RETF("ring 3, SS DPL 0", push_frame(D0 + 3, STACK3 + TOP, C3, HANDLER));
  RETF("ring 3, SS code", push_frame(C3, STACK3 + TOP, C3, HANDLER));
  RETF("ring 3, SS beyond GDT", push_frame(GDT_SIZE + 3, STACK3 + TOP, C3, HANDLER));
  differs("qemu", "raises #NP; a stack segment not present is #SS(selector) (SDM vol. 2, RET, IRET)");
  RETF("ring 3, SS not present", push_frame(S0 + 3, STACK3 + TOP, C3, HANDLER), describe(S0, segment(0, 0xfffff, DPL3 | WRITABLE, BIG | PAGES)));
  RETF("ring 3, CS DPL 2", push_frame(D3, STACK3 + TOP, (C2 & ~3) + 3, HANDLER));
  RETF("ring 3, CS conforming DPL 0", push_frame(D3, STACK3 + TOP, CONFORMING + 3, HANDLER));
  RETF("ring 3, CS not present", push_frame(D3, STACK3 + TOP, S0 + 3, HANDLER), CODE_SEGMENT(DPL3 | READABLE));
  differs("qemu", "does not check the offset against the limit (SDM vol. 2, RET: #GP(0))");
  RETF("ring 3, offset beyond limit", push_frame(D3, STACK3 + TOP, S0 + 3, HANDLER), describe(S0, segment(0, 0x5ffff, PRESENT | DPL3 | READABLE, BIG)));
  RETF("ring 1", push_frame(D1, STACK3 + TOP, C1, HANDLER));
  RETF("ring 3 with a 16-bit stack keeps the upper half", push_frame(D3_16, 0xabcd0000 | TOP, C3, HANDLER));
  CASE("ring 3, releasing 8 on both stacks", "retf 8", HANDLE(MARK), push_frame(0, 0, C3, HANDLER), poke32(in.esp + 16, STACK3 + TOP), poke32(in.esp + 20, D3));
  CASE("retf imm, same ring", "retf 0x10", HANDLE(MARK), push_frame(0, 0, C0, HANDLER));
  CASE("16-bit retf", "data16 retf", HANDLE(MARK), in.esp = STACK + TOP - 4, poke32(in.esp, S0 << 16), describe(S0, segment(HANDLER, 0xffff, PRESENT | READABLE, BIG)));
}

void transfer_cases(void) {
  jumps();
  calls();
  same_gates();
  inner_gates();
  returns();
}
