/* The local APIC as the processor sees it: interprocessor interrupts to itself, NMI and its blocking, priorities, the timer
 * (SDM vol. 3, chapters 6.7 and 10). What other chips see of it is tested chip by chip. */
#include "harness.h"

enum { APIC = 0xfee00000, TPR = APIC + 0x80, EOI = APIC + 0xb0, SVR = APIC + 0xf0, ESR = APIC + 0x280, ICR = APIC + 0x300, TIMER = APIC + 0x320, INITIAL = APIC + 0x380, DIVIDE = APIC + 0x3e0 };
enum { TO_SELF = 0x40000, FIXED = TO_SELF | 0x4000, NMI = 0x4400 };

static void handle(u32 vector, u32 address) { idt[vector] = gate(PRESENT | TYPE_INT32, C0, address, 0); }

/* Takes what is still requested. */
static void drain(void) {
  load(SECOND, SNIPPET("mov dword ptr [0xfee000b0], 0\niretd"));
  for (u32 i = 0; i < 4; i++) poke32(EOI, 0);
  for (u32 vector = 0x40; vector < 0x60; vector++) handle(vector, SECOND);
  __asm__ volatile("sti; nop; nop; nop; cli" : : : "memory");
}

/* ESI points at the registers. */
static void apic(void) {
  poke32(SVR, 0x1ff);
  poke32(TPR, 0);
  poke32(APIC + 0x310, peek32(APIC + 0x20) & 0xff000000);
  poke32(TIMER, 0x10000);
  poke32(INITIAL, 0);
  drain();
  fill_idt();
  in.esi = APIC;
}
#define A(name, text, ...) CASE(name, text, apic(), ##__VA_ARGS__)
#define IPI(vector) "mov dword ptr [esi+0x300], 0x44000+" #vector "\n"
#define SEND_NMI "mov dword ptr [esi+0x300], 0x4400\n"
#define END "mov dword ptr [esi+0xb0], 0\n"

static void fixed(void) {
  group("interprocessor interrupts to itself");
  differs_all("qemu", "takes what a store to the APIC requests at the end of a translated block, not behind the store; accepts illegal vectors (SDM vol. 3, 10.5.3) and, as the manual has it, none while disabled");
  A("waits for IF", IPI(0x41) "nop\nnop");
  A("after STI and one more", IPI(0x41) "sti\nnop\nnop\nnop", in.eflags = 2);
  A("IF set", "sti\nnop\n" IPI(0x41) "nop\nnop");
  A("request bit", IPI(0x41) "mov eax, [esi+0x220]\nsti\nnop");
  A("service bit", "sti\nnop\n" IPI(0x41) "nop", handle(0x41, HANDLER), HANDLE("mov eax, [esi+0x120]\nmov ecx, [esi+0x220]\nmov edx, [esi+0xa0]"));
  A("delivery status reads idle", IPI(0x41) "mov eax, [esi+0x300]\nmov ecx, [esi+0xa0]");
  differs("hvm", "Bochs calls it received; it was being sent (SDM vol. 3, 10.5.3)");
  A("illegal vector", IPI(0x05) "mov [esi+0x280], eax\nmov eax, [esi+0x280]\nsti\nnop");
  differs("hvm", "Bochs takes it; a disabled APIC responds to INIT, NMI, SMI and start-up only (SDM vol. 3, 10.4.7.2)");
  A("disabled by software", "mov dword ptr [esi+0xf0], 0xff\n" IPI(0x41) "sti\nnop\nnop\ncli\nmov dword ptr [esi+0xf0], 0x1ff");
  A("of two the higher first", IPI(0x41) IPI(0x51) "sti\nnop\nnop");
  A("and then the other", IPI(0x41) IPI(0x51) "sti\nnop\nnop\nnop", handle(0x51, HANDLER), HANDLE("mov edx, 0x51\n" END "iretd"));
  A("without an end it waits", IPI(0x41) IPI(0x51) "sti\nnop\nnop\nnop", handle(0x51, HANDLER), HANDLE("mov edx, 0x51\niretd"));
  A("nested by a higher class", IPI(0x41) "sti\nnop\nnop\nnop", handle(0x41, HANDLER), HANDLE(IPI(0x51) "sti\nnop\nnop"));
  differs("hvm", "Bochs requests it and answers with the spurious vector; a class in service holds itself back (SDM vol. 3, 10.8.3.1)");
  A("not nested by the same class", IPI(0x41) "sti\nnop\nnop\nnop", handle(0x41, HANDLER), HANDLE(IPI(0x4f) "sti\nnop\nnop\ncli\nmov ecx, [esi+0x220]"));
  A("task priority holds its class back", "mov dword ptr [esi+0x80], 0x40\n" IPI(0x4f) "sti\nnop\nnop\ncli");
  A("lowered, it comes", "mov dword ptr [esi+0x80], 0x40\n" IPI(0x4f) "sti\nnop\nmov dword ptr [esi+0x80], 0x30\nnop\nnop");
  A("halted", IPI(0x41) "sti\nhlt\nnop");
}

static void nmi(void) {
  group("NMI");
  differs_all("qemu", "takes what a store to the APIC requests at the end of a translated block, not behind the store; a faulting IRET does not unblock (SDM vol. 3, 27.2.3)");
  A("at the next instruction", SEND_NMI "nop\nnop");
  A("behind MOV SS", "mov ecx, ss\nmov dword ptr [esi+0x300], 0x4400\nmov ss, ecx\nnop\nnop", in.ecx = D0);
  A("a halted processor", SEND_NMI "hlt\nnop");
#define TWICE "inc ecx\ncmp ecx, 2\njae 1f\n" SEND_NMI "nop\nnop\nmov edx, ecx\n1: "
  A("blocked until IRET", SEND_NMI "nop\nnop", handle(2, HANDLER), HANDLE(TWICE "iretd"), in.ecx = 0);
  A("blocked through another handler, whose IRET unblocks", SEND_NMI "nop\nnop", handle(2, HANDLER), in.ecx = 0, handle(0x40, HANDLER + 0x100),
    HANDLE("inc ecx\ncmp ecx, 2\njae 1f\n" SEND_NMI "nop\nint 0x40\nmov edx, ecx\n1: int3"), load(HANDLER + 0x100, SNIPPET("mov ebp, ecx\niretd")));
  A("two requests while blocked are one", SEND_NMI "nop\nnop", handle(2, HANDLER), HANDLE("inc ecx\ncmp ecx, 2\njae 1f\n" SEND_NMI SEND_NMI "1: iretd"), in.ecx = 0);
  A("IRET that faults unblocks", SEND_NMI "nop\nnop", handle(2, HANDLER), in.ecx = 0, handle(13, HANDLER + 0x100),
    HANDLE("inc ecx\ncmp ecx, 2\njae 1f\n" SEND_NMI "push 0\npush 0\npush 0\niretd\n1: int3"), load(HANDLER + 0x100, SNIPPET("mov ebp, ecx\nnop")));
  A("comes before an interrupt", IPI(0x41) "sti\n" SEND_NMI "nop\nnop");
  A("through a task gate, and back", SEND_NMI "nop\nmov edx, 5", idt[2] = gate(PRESENT | TYPE_TASK, TSS2, 0, 0), HANDLE("iretd"));
  A("virtual-8086", X16 "nop\nnop\nnop", v86(0), poke32(ICR, FIXED | 0x41), in.eflags |= IF, in.esi = 0x100);
  /* Blocked still where a handler did not end in IRET. */
  __asm__ volatile("pushfl; pushl %%cs; pushl $1f; iretl; 1:" : : : "memory");
}

static void timer(void) {
  group("local timer");
  A("one-shot wakes a halted processor", "mov dword ptr [esi+0x320], 0x42\nmov dword ptr [esi+0x380], 1000\nsti\nhlt\nnop", poke32(DIVIDE, 0xb));
  A("count reads 0 afterwards", "mov dword ptr [esi+0x320], 0x42\nmov dword ptr [esi+0x380], 1000\nsti\nhlt\nnop", poke32(DIVIDE, 0xb), handle(0x42, HANDLER), HANDLE("mov eax, [esi+0x390]"));
  A("one-shot comes once", "mov dword ptr [esi+0x320], 0x42\nmov dword ptr [esi+0x380], 1000\nsti\nhlt\nmov eax, [esi+0x220]\nmov ecx, [esi+0x390]", poke32(DIVIDE, 0xb), handle(0x42, HANDLER), HANDLE(END "iretd"));
  A("periodic comes again", "mov dword ptr [esi+0x320], 0x20042\nmov dword ptr [esi+0x380], 200000\nsti\n1: hlt\ncmp ecx, 3\njb 1b\ncli\nmov dword ptr [esi+0x380], 0", in.ecx = 0, poke32(DIVIDE, 0xb), handle(0x42, HANDLER), HANDLE("inc ecx\n" END "iretd"));
  A("masked", "1: mov eax, [esi+0x390]\ntest eax, eax\njnz 1b\nmov ecx, [esi+0x220]", poke32(DIVIDE, 0xb), poke32(TIMER, 0x10042), poke32(INITIAL, 1000));
  differs("qemu", "does not set the masks of a disabled APIC (SDM vol. 3, 10.4.7.2)");
  A("masked while the APIC is disabled by software", "mov dword ptr [esi+0xf0], 0xff\nmov eax, [esi+0x320]\nmov dword ptr [esi+0x320], 0x42\nmov ecx, [esi+0x320]\nmov dword ptr [esi+0xf0], 0x1ff\nmov edx, [esi+0x320]", poke32(TIMER, 0x42));
}

static void switches(void) {
  group("x2APIC off");
  differs_all("qemu", "accepts any MSR and any bit (SDM vol. 2, RDMSR, WRMSR: #GP(0))");
  A("x2APIC mode is refused", "mov ecx, 0x1b\nrdmsr\nor eax, 0x400\nwrmsr");
  A("its registers do not exist", "mov ecx, 0x802\nrdmsr");
  A("CPUID does not announce it", "mov eax, 1\ncpuid\nxor eax, eax\nand ecx, 0x200000\nmov ebx, 0\nmov edx, 0\ncmp eax, eax");
  A("reserved bits of the base register", "mov ecx, 0x1b\nrdmsr\nor eax, 1\nwrmsr", quiet_registers = 1);
  quiet_registers = 0;
}

void apic_cases(void) {
  fixed();
  nmi();
  timer();
  switches();
  apic();
}
