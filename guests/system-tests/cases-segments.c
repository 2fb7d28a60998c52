/* Segment loads: every type, privilege and presence fault, the accessed bit, null selectors (SDM vol. 3, 5.4-5.6; vol. 2, MOV, POP). */
#include "harness.h"

#define USE(selector, access) in.eax = (selector), describe(selector, segment(0, 0xffff, access, 0))
#define DS_CASE(name, ...) CASE(name, "mov ds, eax", __VA_ARGS__)
#define SS_CASE(name, ...) CASE(name, "mov ss, eax", __VA_ARGS__)

static void data_types(void) {
  group("MOV DS: descriptor types");
  DS_CASE("null 0", in.eax = 0);
  DS_CASE("null 3", in.eax = 3);
  DS_CASE("beyond GDT", in.eax = GDT_SIZE + 3);
  DS_CASE("beyond LDT", in.eax = 0x47);
  DS_CASE("empty descriptor", in.eax = S0 + 1);
  DS_CASE("data sets the accessed bit", USE(S0, PRESENT | WRITABLE), watch((u32)&gdt[S0 / 8] + 4, 1));
  DS_CASE("read-only data", USE(S0, PRESENT | READ_ONLY), watch((u32)&gdt[S0 / 8] + 4, 1));
  DS_CASE("expand-down data", USE(S0, PRESENT | DOWN));
  DS_CASE("readable code", USE(S0, PRESENT | READABLE));
  DS_CASE("execute-only code", USE(S0, PRESENT | EXECUTE_ONLY));
  DS_CASE("TSS", in.eax = TSS);
  DS_CASE("call gate", in.eax = S0, describe(S0, gate(PRESENT | TYPE_CALL32, C0, 0, 0)));
  DS_CASE("not present", USE(S0, WRITABLE), watch((u32)&gdt[S0 / 8] + 4, 1));
  DS_CASE("not present and wrong type", USE(S0, EXECUTE_ONLY));
  DS_CASE("in LDT", USE(0xc, PRESENT | WRITABLE), watch((u32)&ldt[1] + 4, 1));
  DS_CASE("in LDT, empty", in.eax = 0xd);
  CASE("LDT null", "xor ecx, ecx\nlldt cx\nmov ds, eax", in.eax = 0xd);
  CASE("reserved sreg 6", ".byte 0x8e, 0xf0");
  CASE("reserved sreg 7", ".byte 0x8e, 0xf8");
  CASE("to CS", ".byte 0x8e, 0xc8");
  CASE("read reserved sreg 6", ".byte 0x8c, 0xf0");
  CASE("from memory", "mov ds, [ebx]", poke32(DATA, S0 | 0xffff0000), describe(S0, segment(0, 0xffff, PRESENT | WRITABLE, 0)));
  CASE("read 32-bit zero-extends", "mov eax, ds");
  CASE("read to memory writes 16 bits", "mov [ebx], ds", poke32(DATA, ~0u), watch(DATA, 1));
}

static void data_privilege(void) {
  group("MOV DS: privilege");
  DS_CASE("ring 0, DPL 0, RPL 3", in.eax = D0 + 3);
  DS_CASE("ring 0, DPL 3, RPL 3", in.eax = D3);
  DS_CASE("ring 0, DPL 1, RPL 1", in.eax = D1);
  DS_CASE("ring 0, DPL 1, RPL 2", in.eax = D1 + 1);
  DS_CASE("ring 3, DPL 0", ring(3), in.eax = D0);
  DS_CASE("ring 3, DPL 2", ring(3), in.eax = D2);
  DS_CASE("ring 3, DPL 3, RPL 0", ring(3), in.eax = D3 & ~3);
  DS_CASE("ring 3, code DPL 0", ring(3), in.eax = C0);
  DS_CASE("ring 3, code DPL 3", ring(3), in.eax = C3);
  DS_CASE("ring 3, conforming code DPL 0", ring(3), in.eax = CONFORMING + 3);
  DS_CASE("ring 3, conforming execute-only", ring(3), USE(S0, PRESENT | EXECUTE_ONLY | 4));
  DS_CASE("ring 3, null", ring(3), in.eax = 3);
  DS_CASE("ring 2, DPL 1", ring(2), in.eax = D1);
  DS_CASE("ring 1, DPL 2, RPL 0", ring(1), in.eax = D2 & ~3);
}

static void stack_types(void) {
  group("MOV SS");
  SS_CASE("null 0", in.eax = 0);
  SS_CASE("null 3", in.eax = 3);
  SS_CASE("null in ring 3", ring(3), in.eax = 3);
  SS_CASE("beyond GDT", in.eax = GDT_SIZE);
  SS_CASE("RPL 1 in ring 0", in.eax = D0 + 1);
  SS_CASE("DPL 3 in ring 0", in.eax = D3);
  SS_CASE("DPL 3 RPL 0 in ring 0", in.eax = D3 & ~3);
  SS_CASE("DPL 0 in ring 3", ring(3), in.eax = D0 + 3);
  SS_CASE("DPL 3 RPL 0 in ring 3", ring(3), in.eax = D3 & ~3);
  SS_CASE("read-only data", USE(S0, PRESENT | READ_ONLY));
  SS_CASE("readable code", in.eax = C0);
  SS_CASE("not present", USE(S0, WRITABLE));
  SS_CASE("not present and read-only", USE(S0, READ_ONLY));
  SS_CASE("writable", USE(S0, PRESENT | WRITABLE), in.esp = 0x8000, watch((u32)&gdt[S0 / 8] + 4, 1));
  SS_CASE("LDT segment", in.eax = LDT);
  CASE("lss", "lss esp, [ebx]", poke32(DATA, 0x12345), poke32(DATA + 4, D0));
  CASE("lss null leaves esp", "lss esp, [ebx]", poke32(DATA, 0x12345));
  CASE("lss 16-bit leaves the upper half of esp", "lss sp, [ebx]", poke32(DATA, D0 << 16 | 0x5555));
  CASE("lss not present", "lss esp, [ebx]", poke32(DATA + 4, S0), describe(S0, segment(0, 0xffff, WRITABLE, 0)));
}

static void other_loads(void) {
  group("POP and LDS of segments");
  CASE("pop es", "push eax\npop es", in.eax = D0);
  CASE("pop es faults before esp moves", "push eax\npop es", in.eax = TSS);
  CASE("pop ss not present", "push eax\npop ss", USE(S0, WRITABLE));
  CASE("pop ss null", "push eax\npop ss", in.eax = 0);
  CASE("pop fs 16-bit moves esp by 2", "push eax\npop eax\ndata16 push fs\n.byte 0x66\npop fs");
  CASE("les", "les ecx, [ebx]", poke32(DATA, 0x12345678), poke32(DATA + 4, D0));
  CASE("les fault leaves ecx", "les ecx, [ebx]", poke32(DATA, 0x12345678), poke32(DATA + 4, TSS));
  CASE("lfs null", "lfs ecx, [ebx]", poke32(DATA, 0x12345678));
  CASE("lgs not present", "lgs ecx, [ebx]", poke32(DATA + 4, S0), describe(S0, segment(0, 0xffff, WRITABLE, 0)));
  CASE("lds register", ".byte 0xc5, 0xc8");
  CASE("lss register", ".byte 0x0f, 0xb2, 0xc8");
  CASE("descriptor is cached", "mov ds, eax\nmov dword ptr es:[edx], 0\nmov ecx, [0]", in.edx = (u32)&gdt[S0 / 8],
       in.eax = S0, describe(S0, segment(DATA, 0xffff, PRESENT | WRITABLE, 0)), poke32(DATA, 0x600d));
  CASE("GDT limit in the middle of a descriptor", "lgdt [ebx]\nmov ds, eax", in.eax = S0, poke16(DATA, S0 + 6),
       poke32(DATA + 2, (u32)gdt), describe(S0, segment(0, 0xffff, PRESENT | WRITABLE, 0)));
}

static void system_segments(void) {
  group("LLDT, LTR, SLDT, STR");
  CASE("lldt null", "lldt ax\nsldt ecx", in.eax = 0);
  CASE("lldt null 3", "lldt ax\nsldt ecx", in.eax = 3);
  CASE("lldt data", "lldt ax", in.eax = D0);
  CASE("lldt TSS", "lldt ax", in.eax = TSS);
  CASE("lldt not present", "lldt ax", in.eax = S0, describe(S0, segment(0, 63, TYPE_LDT, 0)));
  CASE("lldt in LDT", "lldt ax", in.eax = LDT + 4);
  CASE("lldt beyond GDT", "lldt ax", in.eax = GDT_SIZE);
  CASE("lldt RPL 3", "lldt ax\nsldt ecx", in.eax = LDT + 3);
  RING_CASE(3, "lldt ring 3", "lldt ax", in.eax = LDT);
  RING_CASE(1, "lldt ring 1", "lldt ax", in.eax = LDT);
  differs("qemu", "accepts null (SDM vol. 2, LTR: #GP(0))");
  CASE("ltr null", "ltr ax", in.eax = 0);
  CASE("ltr busy", "ltr ax", in.eax = TSS);
  CASE("ltr available becomes busy", "ltr ax\nstr ecx", in.eax = TSS2, watch8((u32)&gdt[TSS2 / 8] + 5, 1), quiet_registers = 1);
  quiet_registers = 0;
  CASE("ltr not present", "ltr ax", in.eax = S0, describe(S0, segment(0, 103, TYPE_TSS32, 0)));
  CASE("ltr not present and busy", "ltr ax", in.eax = S0, describe(S0, segment(0, 103, TYPE_BUSY32, 0)));
  CASE("ltr LDT", "ltr ax", in.eax = LDT);
  CASE("ltr in LDT", "ltr ax", in.eax = TSS2 + 4);
  RING_CASE(3, "ltr ring 3", "ltr ax", in.eax = TSS2);
  RING_CASE(3, "str ring 3", "str ecx");
  RING_CASE(3, "sldt ring 3", "sldt ecx");
  CASE("str 16-bit register keeps the upper half", "str cx");
  CASE("sldt memory is 16 bits", "sldt [ebx]", poke32(DATA, ~0u), watch(DATA, 1));
}

void segment_cases(void) {
  data_types();
  data_privilege();
  stack_types();
  other_loads();
  system_segments();
}
