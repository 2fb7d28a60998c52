/* System registers, privileged instructions by ring, I/O permission, feature bits, interrupt shadows, alignment (SDM vol. 3, 2.5-2.8, 5.9, 6.8). */
#include "harness.h"

static void set_cr0(u32 set, u32 clear) {
  u32 value;
  __asm__ volatile("movl %%cr0, %0; orl %1, %0; andl %2, %0; movl %0, %%cr0" : "=&r"(value) : "r"(set), "r"(~clear));
}
static void set_cr4(u32 value) { __asm__ volatile("movl %0, %%cr4" : : "r"(value)); }
static void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d) { __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0)); }
static u32 feature(u32 bit) {
  u32 a, b, c, d;
  cpuid(1, &a, &b, &c, &d);
  return d >> bit & 1;
}

static void control_registers(void) {
  group("control registers");
  differs("qemu", "does not refuse NW without CD (SDM vol. 2, MOV to control registers: #GP(0))");
  CASE("NW without CD", "mov eax, cr0\nand eax, ~0x40000000\nor eax, 0x20000000\nmov cr0, eax", quiet_registers = 1);
  quiet_registers = 0;
  differs("qemu", "leaves protected mode and dies, so the case is left out for it (SDM vol. 3, 2.5: #GP)");
  if (!is_tcg()) CASE("PG without PE", "mov eax, 0x80000010\nmov cr0, eax\n");
  CASE("ET is fixed", "mov eax, cr0\nmov ecx, eax\nand eax, ~0x10\nmov cr0, eax\nmov edx, cr0\nmov cr0, ecx\nand edx, 0x10\nxor eax, eax\nxor ecx, ecx");
  differs("qemu", "keeps reserved bits of CR0; attempts to set them have no impact (SDM vol. 2, MOV to control registers)");
  CASE("reserved bits of CR0 are ignored", "mov eax, cr0\nmov ecx, eax\nor eax, 0x1ffaffc0\nmov cr0, eax\nmov edx, cr0\nmov cr0, ecx\nand edx, 0x1ffaffc0\nxor eax, eax\nxor ecx, ecx");
  CASE("TS and MP, EM in CR0", "mov eax, cr0\nmov ecx, eax\nor eax, 0xe\nmov cr0, eax\nmov edx, cr0\nmov cr0, ecx\nand edx, 0xe\nxor eax, eax\nxor ecx, ecx");
  differs("qemu", "hangs here, so the case is left out for it (SDM vol. 3, 2.5: #GP)");
  if (!is_tcg()) CASE("CR4 reserved bit 31", "mov eax, 0x80000000\nmov cr4, eax");
  differs("qemu", "does not check reserved bits of CR0 and CR4; the latter hang it, so their cases are left out (SDM vol. 3, 2.5)");
  if (!is_tcg()) CASE("CR4 reserved bit 15", "mov eax, 0x8000\nmov cr4, eax");
  differs("qemu", "does not check reserved bits of CR0 and CR4; the latter hang it, so their cases are left out (SDM vol. 3, 2.5)");
  if (!is_tcg()) CASE("CR4 reserved bit 12", "mov eax, 0x1000\nmov cr4, eax");
  CASE("CR4 all announced bits", "mov eax, cr4\nmov ecx, eax\nor eax, 0x69c\nmov cr4, eax\nmov edx, cr4\nmov cr4, ecx\nand edx, 0x69c\nxor eax, eax\nxor ecx, ecx");
  CASE("CR1", ".byte 0x0f, 0x20, 0xc8");
  CASE("CR5", ".byte 0x0f, 0x22, 0xe8");
  CASE("CR7", ".byte 0x0f, 0x20, 0xf8");
  CASE("CR2 holds anything", "mov eax, 0x12345678\nmov cr2, eax\nmov ecx, cr2");
  CASE("CR3 low bits", "mov ecx, cr3\nmov eax, 0x12345018\nmov cr3, eax\nmov edx, cr3\nmov cr3, ecx\nxor ecx, ecx");
  CASE("lmsw sets", "lmsw ax\nsmsw cx\nclts\nsmsw dx\nand edx, 15\nand ecx, 15\nmov ebx, cr0\nand bl, 0xf1\nmov cr0, ebx\nxor ebx, ebx", in.eax = 0xfffe);
  CASE("lmsw does not clear PE", "lmsw ax\nsmsw cx\nand ecx, 15", in.eax = 0);
  CASE("lmsw leaves NE alone", "mov ecx, cr0\nlmsw ax\nmov edx, cr0\nxor edx, ecx\nxor ecx, ecx", in.eax = 0x21);
  CASE("smsw memory is 16 bits", "smsw [ebx]", poke32(DATA, 0xffff0000), watch16(DATA + 2, 1));
  CASE("clts", "mov eax, cr0\nor al, 8\nmov cr0, eax\nclts\nmov eax, cr0\nand eax, 8");
}

static void tables(void) {
  group("SGDT, SIDT, LGDT, LIDT");
  CASE("sgdt limit", "sgdt [ebx]", watch16(DATA, 1));
  CASE("sidt limit", "sidt [ebx]", watch16(DATA, 1));
  CASE("sgdt writes six bytes", "sgdt [ebx]\nxor eax, eax\nmov [ebx], eax\nmov [ebx+4], ax", poke32(DATA + 4, 0xaaaaaaaa), watch(DATA, 2));
  CASE("16-bit lgdt takes 24 bits of base", "sgdt [ebx]\nmov byte ptr [ebx+5], 0x99\ndata16 lgdt [ebx]\nsgdt [esi]\nmov al, [esi+5]\nmov byte ptr [ebx+5], 0\nlgdt [ebx]");
  differs("qemu", "stores 24 bits of base with a 16-bit operand (SDM vol. 2, SGDT: 32 since the 386)");
  CASE("16-bit sgdt stores 32 bits of base", "sidt [ebx]\nmov byte ptr [ebx+5], 0x12\nlidt [ebx]\ndata16 sidt [esi]\nmov al, [esi+5]\nmov byte ptr [ebx+5], 0\nlidt [ebx]");
  CASE("lgdt register", ".byte 0x0f, 0x01, 0xd0");
  CASE("sidt register", ".byte 0x0f, 0x01, 0xce");
  RING_CASE(3, "sgdt in ring 3", "sgdt [ebx]", watch16(DATA, 1));
  RING_CASE(3, "sidt in ring 3", "sidt [ebx]", watch16(DATA, 1));
  RING_CASE(3, "smsw in ring 3", "smsw ax\nand eax, 1");
}

static void msrs(void) {
  group("MSRs");
  differs("qemu", "accepts any MSR and any bit (SDM vol. 2, RDMSR, WRMSR: #GP(0))");
  CASE("read unknown", "rdmsr", in.ecx = 0xdead0000);
  differs("qemu", "accepts any MSR and any bit (SDM vol. 2, RDMSR, WRMSR: #GP(0))");
  CASE("write unknown", "wrmsr", in.ecx = 0xdead0000);
  CASE("sysenter cs", "wrmsr\nxor eax, eax\nxor edx, edx\nrdmsr\nmov ebx, eax\nxor eax, eax\nwrmsr", in.ecx = 0x174, in.eax = 0x1234, in.edx = 0);
  CASE("sysenter eip is 32 bits", "wrmsr\nxor eax, eax\nxor edx, edx\nrdmsr", in.ecx = 0x176, in.eax = 0x12345678, in.edx = 0);
  differs("qemu", "accepts any MSR and any bit (SDM vol. 2, RDMSR, WRMSR: #GP(0))");
  CASE("EFER reserved bit", "rdmsr\nor eax, 2\nwrmsr", in.ecx = 0xc0000080);
  CASE("EFER NXE", "rdmsr\nor eax, 0x800\nwrmsr\nrdmsr\nmov ebx, eax\nand ebx, 0x800\nand eax, ~0x800\nwrmsr\nxor eax, eax", in.ecx = 0xc0000080);
  differs("qemu", "ignores writes of the counter (SDM vol. 3, 17.17.3)");
  CASE("TSC can be written", "mov eax, 0\nmov edx, 0x1234\nwrmsr\nrdtsc\nxor eax, eax\nand edx, 0xffff", in.ecx = 0x10);
  RING_CASE(3, "rdmsr in ring 3", "rdmsr", in.ecx = 0x174);
  RING_CASE(3, "wrmsr in ring 3", "wrmsr", in.ecx = 0x174);
  RING_CASE(1, "rdmsr in ring 1", "rdmsr", in.ecx = 0x174);
}

static void wrmsr(u32 index, u32 value) { __asm__ volatile("wrmsr" : : "c"(index), "a"(value), "d"(0)); }

static void fast_calls(void) {
  group("SYSENTER, SYSEXIT");
  wrmsr(0x174, 0);
  CASE("sysenter with CS 0", "sysenter");
  CASE("sysexit with CS 0", "sysexit");
  wrmsr(0x174, 3);
  differs("qemu", "tests all sixteen bits and goes astray, so the case is left out for it (SDM vol. 2, SYSENTER)");
  if (!is_tcg()) CASE("sysenter with CS 3", "sysenter");
  wrmsr(0x174, C0);
  wrmsr(0x175, STACK + TOP);
  wrmsr(0x176, HANDLER);
  RING_CASE(3, "sysenter", "sysenter", HANDLE("mov eax, cs\nmov ecx, ss\npushfd\npop edx"), in.eflags |= IF | CF | AC);
  CASE("sysenter from ring 0", "sysenter", HANDLE("mov eax, cs\nmov ecx, ss"));
  RING_CASE(3, "sysexit in ring 3", "sysexit");
  wrmsr(0x174, S0);
  describe(S0, 0);
  CASE("sysexit", "sysexit", HANDLE("mov eax, cs\nmov ebx, ss"), in.edx = HANDLER, in.ecx = STACK3 + TOP, describe(S0 + 16, segment(0, 0xfffff, PRESENT | DPL3 | READABLE | ACCESSED, BIG | PAGES)),
       describe(S0 + 24, segment(0, 0xfffff, PRESENT | DPL3 | WRITABLE | ACCESSED, BIG | PAGES)));
  wrmsr(0x174, 0);
}

struct instruction {
  const char *name;
  u8 bytes[8];
};
static const struct instruction PRIVILEGED[] = {
  {"hlt", {0xf4}}, {"clts", {0x0f, 0x06}}, {"invd", {0x0f, 0x08}}, {"wbinvd", {0x0f, 0x09}}, {"invlpg [ebx]", {0x0f, 0x01, 0x3b}},
  {"lgdt [ebx]", {0x0f, 0x01, 0x13}}, {"lidt [ebx]", {0x0f, 0x01, 0x1b}}, {"lmsw ax", {0x0f, 0x01, 0xf0}}, {"mov eax, cr0", {0x0f, 0x20, 0xc0}},
  {"mov cr0, eax", {0x0f, 0x22, 0xc0}}, {"mov eax, cr2", {0x0f, 0x20, 0xd0}}, {"mov cr3, eax", {0x0f, 0x22, 0xd8}}, {"mov eax, cr4", {0x0f, 0x20, 0xe0}},
  {"cli", {0xfa}}, {"sti", {0xfb}}, {"in al, 0x80", {0xe4, 0x80}}, {"out 0x80, al", {0xe6, 0x80}}, {"in eax, dx", {0xed}}, {"insb", {0x6c}}, {"outsd", {0x6f}},
  {"rdtsc", {0x0f, 0x31}}, {"rsm", {0x0f, 0xaa}}, {"pushfd popfd", {0x9c, 0x9d}}, {"int 0x40", {0xcd, 0x40}}, {"xlat", {0xd7}},
};

static void start_bytes(const struct instruction *i) {
  memset((void *)CODE, 0x90, 8);
  memcpy((void *)CODE, i->bytes, 8);
  for (u32 k = 0; k < 8; k++)
    if (!i->bytes[k]) poke8(CODE + k, 0x90);
  if (i->bytes[1] == 0 && i->bytes[0] != 0x90) poke8(CODE + 1, 0x90);
  poke16(CODE + 8, 0xffcd);
}

static void privileged(u32 cpl, u32 iopl, const char *title) {
  group(title);
  for (u32 i = 0; i < sizeof PRIVILEGED / sizeof *PRIVILEGED; i++) {
    begin();
    start(SNIPPET("nop\nnop\nnop\nnop\nnop\nnop\nnop\nnop"));
    start_bytes(&PRIVILEGED[i]);
    if (cpl == 4) v86(iopl);
    else ring(cpl), in.eflags |= iopl << 12;
    in.eax = 0, in.edx = 0x80;
    idt[0x40] = gate(PRESENT | TYPE_INT32, C0, 0, 0);
    quiet_registers = 1;
    finish(PRIVILEGED[i].name);
    quiet_registers = 0;
  }
}

#define PORT_CASE(name, text, ...) RING_CASE(3, name, text "\nxor eax, eax", in.edx = 0x80, in.eax = 0, ##__VA_ARGS__)
static void allow(u32 first, u32 count, u32 limit) {
  tss.map = 104;
  memset(tss.bits, 0xff, sizeof tss.bits);
  for (u32 port = first; port < first + count; port++) tss.bits[port >> 3] &= (u8) ~(1 << (port & 7));
  describe(TSS, segment((u32)&tss, limit, PRESENT | TYPE_TSS32, 0));
  __asm__ volatile("ltr %w0" : : "r"(TSS));
}

static void io_permission(void) {
  group("I/O permission bitmap");
  PORT_CASE("no bitmap", "out dx, al");
  PORT_CASE("allowed", "out dx, al", allow(0x80, 1, sizeof tss - 1));
  PORT_CASE("next port", "inc edx\nout dx, al", allow(0x80, 1, sizeof tss - 1));
  PORT_CASE("word needs two bits", "out dx, ax", allow(0x80, 1, sizeof tss - 1));
  PORT_CASE("word allowed", "out dx, ax", allow(0x80, 2, sizeof tss - 1));
  PORT_CASE("dword needs four bits", "out dx, eax", allow(0x80, 3, sizeof tss - 1));
  PORT_CASE("dword allowed", "out dx, eax", allow(0x80, 4, sizeof tss - 1));
  PORT_CASE("word across bytes of the map", "mov edx, 0x87\nout dx, ax", allow(0x80, 8, sizeof tss - 1));
  PORT_CASE("byte reads two bytes of the map, limit cuts the second", "out dx, al", allow(0x80, 8, 104 + 0x10));
  PORT_CASE("byte reads two bytes of the map, limit includes it", "out dx, al", allow(0x80, 8, 104 + 0x11));
  PORT_CASE("insb", "mov edi, 0x30000\ncld\ninsb", allow(0x80, 1, sizeof tss - 1));
  PORT_CASE("IOPL 3", "out dx, al", in.eflags |= IOPL3);
  RING_CASE(1, "ring 1, IOPL 1", "out 0x80, al", in.eflags |= 0x1000);
  RING_CASE(2, "ring 2, IOPL 1", "out 0x80, al", in.eflags |= 0x1000);
  RING_CASE(2, "cli in ring 2, IOPL 1", "cli", in.eflags |= 0x1000);
  RING_CASE(2, "sti in ring 2, IOPL 2", "sti\ncli", in.eflags |= 0x2000);
}

static void features(void) {
  group("features and their switches");
  CASE("x87 with EM", "fld1", set_cr0(4, 0));
  set_cr0(0, 4);
  CASE("x87 with TS", "fld1", set_cr0(8, 0));
  CASE("wait with TS, MP clear", "wait", set_cr0(8, 2));
  CASE("wait with TS and MP", "wait", set_cr0(10, 0));
  CASE("wait with EM", "wait", set_cr0(4, 8 | 2));
  CASE("MMX with EM", "movd mm0, eax", set_cr0(4, 0));
  CASE("MMX with TS", "movd mm0, eax", set_cr0(8, 4));
  set_cr0(0, 0xe);
  set_cr4(0);
  CASE("SSE without OSFXSR", "xorps xmm0, xmm0");
  CASE("SSE2 without OSFXSR", "pxor xmm0, xmm0");
  CASE("fxsave without OSFXSR", "fxsave [ebx]\nnop");
  CASE("ldmxcsr without OSFXSR", "ldmxcsr [ebx]", poke32(DATA, 0x1f80));
  CASE("prefetch without OSFXSR", "prefetchnta [ebx]\nsfence");
  set_cr4(0x200);
  CASE("SSE", "xorps xmm0, xmm0");
  CASE("SSE with TS", "xorps xmm0, xmm0", set_cr0(8, 0));
  CASE("SSE with EM", "xorps xmm0, xmm0", set_cr0(4, 8));
  set_cr0(0, 0xe);
  differs("qemu", "does not raise #XM, nor #UD in its place without OSXMMEXCPT (SDM vol. 1, 11.5.1; vol. 3, 2.5)");
  CASE("unmasked SIMD exception without OSXMMEXCPT", "ldmxcsr [ebx]\nxorps xmm0, xmm0\ndivps xmm0, xmm0", poke32(DATA, 0x1f00));
  set_cr4(0x600);
  differs("qemu", "does not raise #XM (SDM vol. 1, 11.5.1)");
  CASE("unmasked SIMD exception", "ldmxcsr [ebx]\nxorps xmm0, xmm0\ndivps xmm0, xmm0", poke32(DATA, 0x1f00));
  differs("qemu", "does not check the reserved bits of MXCSR (SDM vol. 2, LDMXCSR: #GP(0))");
  CASE("ldmxcsr reserved bits", "ldmxcsr [ebx]", poke32(DATA, 0x10000));
  CASE("movaps misaligned", "movaps xmm0, [ebx+4]");
  CASE("movaps misaligned, stack", "movaps xmm0, [esp+4]");
  CASE("fxsave misaligned", "fxsave [ebx+8]");
  CASE("movups misaligned", "movups xmm0, [ebx+4]");
  set_cr4(0);
  differs("qemu", "does not raise #MF at the next waiting instruction (SDM vol. 1, 8.7.1)");
  CASE("x87 error with NE", "fldcw [ebx]\nfld1\nfldz\nfdivp\nmov eax, 1\nfld1", poke32(DATA, 0x37b), set_cr0(0x20, 0));
  differs("qemu", "pops after an unmasked zero-divide, which must leave the registers alone (SDM vol. 1, 8.5.3)");
  CASE("fnstsw does not wait", "fldcw [ebx]\nfld1\nfldz\nfdivp\nfnstsw ax\nfnclex", poke32(DATA, 0x37b), set_cr0(0x20, 0));
  set_cr4(4);
  RING_CASE(3, "rdtsc with TSD", "rdtsc");
  CASE("rdtsc with TSD in ring 0", "rdtsc\nxor eax, eax\nxor edx, edx");
  set_cr4(0);
  RING_CASE(3, "rdpmc in ring 3", "rdpmc", in.ecx = 0x12345);
  CASE("cmpxchg8b register", ".byte 0x0f, 0xc7, 0xc8");
  CASE("lock cmpxchg8b register", ".byte 0xf0, 0x0f, 0xc7, 0xc8");
  CASE("lock cmpxchg8b memory", "lock cmpxchg8b [ebx]", in.eax = in.edx = 0, watch(DATA, 2));
  differs("qemu", "ignores LOCK where it must not stand (SDM vol. 2, LOCK: #UD)");
  CASE("lock bt", ".byte 0xf0, 0x0f, 0xa3, 0x03");
  CASE("lock bts", ".byte 0xf0, 0x0f, 0xab, 0x03", in.eax = 3, watch(DATA, 1));
  differs("qemu", "ignores LOCK where it must not stand (SDM vol. 2, LOCK: #UD)");
  CASE("lock xadd register", ".byte 0xf0, 0x0f, 0xc1, 0xc0");
  CASE("lock xchg", "lock xchg [ebx], eax", watch(DATA, 1));
  differs("qemu", "ignores LOCK where it must not stand (SDM vol. 2, LOCK: #UD)");
  CASE("lock mov cr0", ".byte 0xf0, 0x0f, 0x20, 0xc0");
  differs("qemu", "ignores LOCK where it must not stand (SDM vol. 2, LOCK: #UD)");
  CASE("lock fld1", ".byte 0xf0, 0xd9, 0xe8");
  CASE("LOADALL of the 80286", ".byte 0x0f, 0x05");
  CASE("LOADALL of the 80386", ".byte 0x0f, 0x07");
  CASE("MOV from a test register", ".byte 0x0f, 0x24, 0xf0");
  CASE("ud0", ".byte 0x0f, 0xff, 0xc0");
  CASE("ud1", ".byte 0x0f, 0xb9, 0xc0");
  CASE("cpuid does what ID says", "pushfd\npop eax\nmov ecx, eax\nxor eax, 0x200000\npush eax\npopfd\npushfd\npop eax\nxor eax, ecx\npush ecx\npopfd\nxor ecx, ecx");
  CASE("rsm outside SMM", "rsm");
  CASE("announced FPU TSC MSR CX8 SEP CMOV MMX FXSR SSE SSE2", "nop", in.eax = feature(0) & feature(4) & feature(5) & feature(8) & feature(11) & feature(15) & feature(23) & feature(24) & feature(25) & feature(26), watch((u32)&in.eax, 1));
}

/* Makes IRQ 0 pending with interrupts off. */
void raise_irq0(void) {
  out8(0x20, 0x0a);
  out8(0x43, 0x30);
  out8(0x40, 20);
  out8(0x40, 0);
  while (!(in8(0x20) & 1)) continue;
  out8(0x21, 0xfe);
}
#define SHADOW(name, text, ...) CASE(name, text, raise_irq0(), ##__VA_ARGS__)

static void shadows(void) {
  group("interrupt shadows");
  SHADOW("if clear", "nop");
  SHADOW("sti holds one instruction", "sti\nnop\nnop\nnop\nnop");
  SHADOW("sti, cli", "sti\ncli\nnop");
  SHADOW("sti, sti", "sti\nsti\nnop\nnop\nnop");
  SHADOW("sti with IF set holds nothing", "push 0x202\npopfd\nsti\nnop\nnop");
  SHADOW("popf holds nothing", "push 0x202\npopfd\nnop\nnop");
  SHADOW("iret holds nothing", "push 0x202\npush 8\npush 0x2000d\niretd\nnop\nnop\nnop\nnop\nnop");
  differs("qemu", "does not let MOV SS hold interrupts off behind STI; of a sequence of such instructions only the first is guaranteed to (SDM vol. 3, 6.8.3)");
  SHADOW("sti, mov ss", "mov eax, ss\nsti\nmov ss, eax\nnop\nnop\nnop");
  SHADOW("sti, hlt", "sti\nhlt\nnop");
  SHADOW("sti, jmp", "sti\njmp 1f\nnop\n1: nop\nnop");
  differs("qemu", "takes interrupts behind a repeated instruction, not between its iterations (SDM vol. 2, REP)");
  SHADOW("sti, rep stosb", "mov ecx, 3\ncld\nsti\nrep stosb\nnop");
  SHADOW("sti, int", "sti\nint 0x40\nnop");
  SHADOW("sti, ud2", "sti\nud2\nnop");
  SHADOW("ring 3 with IF", "nop\nnop", ring(3), in.eflags |= IF);
  SHADOW("virtual-8086 with IF", X16 "nop\nnop", v86(0), in.eflags |= IF);
  differs("qemu", "does not let POP SS hold interrupts off behind STI; of a sequence of such instructions only the first is guaranteed to (SDM vol. 3, 6.8.3)");
  SHADOW("pop ss", "push 0x202\npush ss\nsti\npop ss\nnop\nnop\nnop\nnop");
  SHADOW("gate target, first instruction", "sti\nnop\nnop", idt[0x20] = gate(PRESENT | TYPE_TRAP32, C0, HANDLER, 0), load(HANDLER, SNIPPET("mov al, 0x20\nout 0x20, al\nmov ecx, [esp]")));
  out8(0x21, 0xff);
}

static void alignment(void) {
  group("alignment check");
  set_cr0(0x40000, 0);
  differs_all("qemu", "has no alignment check (SDM vol. 3, 6.15, #AC)");
  u32 flags = AC;
#define ALIGN(name, text, ...) RING_CASE(3, name, text, in.eflags |= flags, ##__VA_ARGS__)
  ALIGN("dword", "mov eax, [ebx+2]");
  ALIGN("dword aligned", "mov eax, [ebx+4]");
  ALIGN("word", "mov ax, [ebx+1]");
  ALIGN("byte", "mov al, [ebx+1]");
  ALIGN("write", "mov [ebx+1], eax", watch(DATA, 1));
  ALIGN("push", "mov esp, 0x50f02\npush eax");
  ALIGN("pop", "mov esp, 0x50f02\npop eax");
  ALIGN("movsd source", "cld\nmovsd", in.esi = DATA + 2);
  ALIGN("movsd destination", "cld\nmovsd", in.edi = DATA + 2);
  ALIGN("rep stosd", "cld\nmov ecx, 3\nrep stosd", in.edi = DATA + 2);
  ALIGN("les", "les eax, [ebx+2]", poke32(DATA + 6, D3));
  ALIGN("far pointer aligned to 4", "les eax, [ebx]", poke32(DATA + 4, D3));
  ALIGN("bt", "bt [ebx+2], eax", in.eax = 0);
  ALIGN("cmpxchg8b", "cmpxchg8b [ebx+4]");
  ALIGN("fld dword", "fld dword ptr [ebx+2]");
  ALIGN("fld qword at 4", "fld qword ptr [ebx+4]");
  ALIGN("fld tbyte at 4", "fld tbyte ptr [ebx+4]");
  ALIGN("bound", "bound eax, [ebx+4]", in.eax = 0);
  ALIGN("sgdt", "sgdt [ebx+2]", watch16(DATA + 2, 1));
  ALIGN("call", "mov esp, 0x50f02\ncall 1f\n1:");
  ALIGN("enter", "mov esp, 0x50f02\nenter 0, 0");
  ALIGN("pushad", "mov esp, 0x50f02\npushad");
  ALIGN("limit comes first", "mov eax, es:[ebx]", in.es = 0, in.ebx = 1);
  flags = 0;
  ALIGN("AC clear", "mov eax, [ebx+2]");
  CASE("ring 0", "mov eax, [ebx+2]", in.eflags |= AC);
  RING_CASE(2, "ring 2", "mov eax, [ebx+2]", in.eflags |= AC);
  CASE("virtual-8086", X16 "mov ax, [1]", v86(3), in.eflags |= AC);
  set_cr0(0, 0x40000);
  RING_CASE(3, "AM clear", "mov eax, [ebx+2]", in.eflags |= AC);
}

static void a20(void) {
  group("A20");
  CASE("off and on, by both gates", "mov al, 0xd1\nout 0x64, al\n1: in al, 0x64\ntest al, 2\njnz 1b\nmov al, 0xdd\nout 0x60, al\n1: in al, 0x64\ntest al, 2\njnz 1b\nin al, 0x92\nand al, 0xfc\nout 0x92, al\nmov ecx, [0x100500]\nor al, 2\nout 0x92, al\nmov al, 0xd1\nout 0x64, al\n1: in al, 0x64\ntest al, 2\njnz 1b\nmov al, 0xdf\nout 0x60, al\n1: in al, 0x64\ntest al, 2\njnz 1b\nmov al, 0\nmov edx, [0x100500]\nsub edx, [0x500]\nneg edx\nsbb edx, edx", poke32(0x500, 0x12345678));
}

void system_cases(void) {
  control_registers();
  tables();
  msrs();
  fast_calls();
  privileged(1, 0, "privileged in ring 1");
  privileged(2, 2, "privileged in ring 2, IOPL 2");
  privileged(3, 0, "privileged in ring 3");
  privileged(3, 3, "privileged in ring 3, IOPL 3");
  privileged(4, 0, "privileged in virtual-8086 mode");
  privileged(4, 3, "privileged in virtual-8086 mode, IOPL 3");
  io_permission();
  features();
  shadows();
  alignment();
  a20();
}
