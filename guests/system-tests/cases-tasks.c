/* Task switches: JMP, CALL, INT, IRET, nested, 16-bit, and every fault of the incoming task (SDM vol. 3, chapter 7). */
#include "harness.h"

/* What the incoming task finds: TR, NT, the stack. */
#define ARRIVED "str eax\npushfd\npop ecx\nmov edx, esp"
#define BUSY ((u32)&gdt[TSS2 / 8] + 5)
#define OLD ((u32)&gdt[TSS / 8] + 5)
#define NO_BITS tss2.ebx = DATA, tss2.esi = 0x51, tss2.edi = 0xd1, tss2.ebp = 0xb9

#define SWITCH(name, text, ...) CASE(name, text, HANDLE(ARRIVED), NO_BITS, ##__VA_ARGS__)
#define JMP_CASE(name, ...) SWITCH(name, "jmp 0xb8:0", ##__VA_ARGS__)

static void switches(void) {
  group("task switches");
  SWITCH("jmp", "jmp 0xb8:0", in.eflags |= CF, watch8(BUSY, 1), watch8(OLD, 1), watch((u32)&tss2.link, 1), watch((u32)&tss.eip, 18));
  SWITCH("call", "call 0xb8:0", watch8(BUSY, 1), watch8(OLD, 1), watch((u32)&tss2.link, 1), watch((u32)&tss.eip, 2));
  SWITCH("int", "int 0x40", idt[0x40] = gate(PRESENT | TYPE_TASK, TSS2, 0, 0), watch8(BUSY, 1), watch8(OLD, 1), watch((u32)&tss2.link, 1), watch((u32)&tss.eip, 2));
  SWITCH("call through a task gate", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, TSS2, 0, 0)), watch((u32)&tss.eip, 2));
  SWITCH("jmp through a task gate", "jmp 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, TSS2, 0, 0)), watch((u32)&tss.eip, 2));
  SWITCH("jmp from a nested task clears NT of the old", "pushfd\nor dword ptr [esp], 0x4000\npopfd\njmp 0xb8:0", watch((u32)&tss.eip, 2));
  SWITCH("call and iret", "call 0xb8:0\nmov eax, 1\nstr ecx", load(HANDLER, SNIPPET("mov ebx, 1\niretd")), watch8(BUSY, 1), watch((u32)&tss2.eip, 2));
  SWITCH("call twice resumes behind iret", "call 0xb8:0\ncall 0xb8:0\nmov eax, [0x30000]", load(HANDLER, SNIPPET("1: inc dword ptr [0x30000]\niretd\njmp 1b")));
  SWITCH("nested twice and back", "call 0xb8:0\nstr eax\npushfd\npop ecx", load(HANDLER, SNIPPET("call 0xc0:0\niretd")), tss3.eip = HANDLER + 0x100,
         load(HANDLER + 0x100, SNIPPET("inc dword ptr [0x30000]\niretd")), watch(DATA, 1));
  SWITCH("TS is set", "jmp 0xb8:0", load(HANDLER, SNIPPET("fnop")));
    SWITCH("TS in the MSW", "jmp 0xb8:0", load(HANDLER, SNIPPET("smsw eax\nand eax, 8\nclts")));
  SWITCH("exception through a task gate pushes its error code", "mov ds, eax", in.eax = 0x8b, idt[13] = gate(PRESENT | TYPE_TASK, TSS2, 0, 0), load(HANDLER, SNIPPET("mov eax, [esp]\nmov edx, esp")), watch((u32)&tss.eip, 1));
  differs("qemu", "keeps the upper halves of the registers, which are undefined (SDM vol. 3, 7.6)");
  SWITCH("16-bit task", "jmp 0xc8:0", load(HANDLER, SNIPPET(X16 "str ax\nmov cx, sp")), tss16.ax = 0xaaaa, tss16.bx = 0xbbbb, tss16.flags = 0x0403, watch8((u32)&gdt[TSS16 / 8] + 5, 1));
  SWITCH("16-bit task and back", "call 0xc8:0\nmov eax, 5", load(HANDLER, SNIPPET(X16 "mov ax, 7\niret")), watch16((u32)&tss16, 1), watch16((u32)&tss16.ip, 3));
  SWITCH("to ring 3", "jmp 0xb8:0", load(HANDLER, SNIPPET("mov eax, 0x600d")), tss2.cs = C3, tss2.ss = tss2.ds = tss2.es = D3, tss2.fs = tss2.gs = 0, tss2.esp = STACK3 + TOP);
  SWITCH("to virtual-8086", "jmp 0xb8:0", load(HANDLER, SNIPPET(X16 "mov ax, 0x600d")), tss2.cs = 0x6000, tss2.eip = 0, tss2.ss = 0x5000, tss2.ds = 1, tss2.es = 2, tss2.fs = 3, tss2.gs = 4, tss2.esp = TOP, tss2.eflags = 2 | VM | IOPL3);
  SWITCH("LDT of the task", "jmp 0xb8:0", tss2.ldt = LDT, load(HANDLER, SNIPPET("sldt eax")));
  SWITCH("LDT null", "jmp 0xb8:0", tss2.ldt = 3, load(HANDLER, SNIPPET("sldt eax")));
  differs("qemu", "does not set the accessed bit here (SDM vol. 3, 3.4.5.1)");
  SWITCH("segments from the task's LDT", "jmp 0xb8:0", tss2.ldt = LDT, tss2.ds = 0xc, describe(0xc, segment(DATA, 0xfff, PRESENT | WRITABLE, 0)), poke32(DATA, 0x77), load(HANDLER, SNIPPET("mov eax, [0]")), watch((u32)&ldt[1] + 4, 1));
  differs("qemu", "does not raise the debug trap of the T bit (SDM vol. 3, 17.3.1.5)");
  SWITCH("T bit", "jmp 0xb8:0", tss2.trap = 1);
  RING_CASE(3, "call from ring 3, gate DPL 3", "call 0x8b:0", describe(S0, gate(PRESENT | DPL3 | TYPE_TASK, TSS2, 0, 0)), HANDLE(ARRIVED), NO_BITS);
  RING_CASE(3, "int from ring 3, gate DPL 3", "int 0x40", idt[0x40] = gate(PRESENT | DPL3 | TYPE_TASK, TSS2, 0, 0), HANDLE(ARRIVED), NO_BITS);
}

static void refused(void) {
  group("task switches refused");
  JMP_CASE("jmp busy", describe(TSS2, segment((u32)&tss2, 103, PRESENT | TYPE_BUSY32, 0)));
  SWITCH("call itself", "call 0x28:0");
  JMP_CASE("jmp not present", describe(TSS2, segment((u32)&tss2, 103, TYPE_TSS32, 0)));
  JMP_CASE("limit 102", describe(TSS2, segment((u32)&tss2, 102, PRESENT | TYPE_TSS32, 0)));
  SWITCH("16-bit limit 42", "jmp 0xc8:0", describe(TSS16, segment((u32)&tss16, 42, PRESENT | 1, 0)));
  SWITCH("RPL 3 above DPL 0", "jmp 0xbb:0");
  SWITCH("ring 3, DPL 0", "jmp 0xb8:0", ring(3));
  differs("qemu", "raises #TS; a TSS selector in the LDT is #GP(selector) (SDM vol. 2, JMP, CALL)");
  SWITCH("in the LDT", "jmp 0xc:0", describe(0xc, segment((u32)&tss2, 103, PRESENT | TYPE_TSS32, 0)));
  SWITCH("task gate DPL 0 from ring 3", "call 0x8b:0", ring(3), describe(S0, gate(PRESENT | TYPE_TASK, TSS2, 0, 0)));
  SWITCH("task gate not present", "call 0x88:0", describe(S0, gate(TYPE_TASK, TSS2, 0, 0)));
  SWITCH("task gate to null", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, 0, 0, 0)));
  SWITCH("task gate to data", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, D0, 0, 0)));
  differs("qemu", "raises #TS; a TSS selector in the LDT is #GP(selector) (SDM vol. 2, JMP, CALL)");
  SWITCH("task gate into the LDT", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, 0xc, 0, 0)));
  SWITCH("task gate to a busy task", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, TSS, 0, 0)));
  SWITCH("task gate to a not present task", "call 0x88:0", describe(S0, gate(PRESENT | TYPE_TASK, TSS2, 0, 0)), describe(TSS2, segment((u32)&tss2, 103, TYPE_TSS32, 0)));
  SWITCH("int, task gate to null", "int 0x40", idt[0x40] = gate(PRESENT | TYPE_TASK, 0, 0, 0));
  SWITCH("int, task gate to a busy task", "int 0x40", idt[0x40] = gate(PRESENT | TYPE_TASK, TSS, 0, 0));
  SWITCH("int, task gate to data", "int 0x40", idt[0x40] = gate(PRESENT | TYPE_TASK, D0, 0, 0));
  SWITCH("int, task not present", "int 0x40", idt[0x40] = gate(PRESENT | TYPE_TASK, TSS2, 0, 0), describe(TSS2, segment((u32)&tss2, 103, TYPE_TSS32, 0)));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  SWITCH("exception, task gate to data", "ud2", idt[6] = gate(PRESENT | TYPE_TASK, D0, 0, 0));
  SWITCH("iret, back link not busy", "pushfd\nor dword ptr [esp], 0x4000\npopfd\niretd", tss.link = TSS2);
  SWITCH("iret, back link null", "pushfd\nor dword ptr [esp], 0x4000\npopfd\niretd", tss.link = 0);
  SWITCH("iret, back link to data", "pushfd\nor dword ptr [esp], 0x4000\npopfd\niretd", tss.link = D0);
  SWITCH("iret, back link in the LDT", "pushfd\nor dword ptr [esp], 0x4000\npopfd\niretd", tss.link = 4);
  SWITCH("iret, back link not present", "pushfd\nor dword ptr [esp], 0x4000\npopfd\niretd", tss.link = TSS2, describe(TSS2, segment((u32)&tss2, 103, TYPE_BUSY32, 0)));
}

#define BY(name, ...) SWITCH(name, "jmp 0xb8:0", faults_by_task(), ##__VA_ARGS__, watch((u32)&tss2.eip, 1))
/* Vectors 10 to 12 go to a task of their own, as the manual advises: it finds the error code on its stack. */
static u32 by_task;
static void faults_by_task(void) {
  if (!by_task) return;
  for (u32 vector = 10; vector <= 12; vector++) idt[vector] = gate(PRESENT | TYPE_TASK, TSS3, 0, 0);
  tss3.eip = HANDLER + 0x100;
  load(HANDLER + 0x100, SNIPPET("mov eax, [esp]\nmov edx, [0x30000]\nmov ecx, 0x7a5c"));
}

/* Before SS is loaded a fault cannot be delivered in the new task in any defined way (SDM vol. 3, 7.3). */
static void incoming(const char *title) {
  group(title);
  if (by_task) BY("LDT data", tss2.ldt = D0);
  if (by_task) BY("LDT not present", tss2.ldt = S0, describe(S0, segment(0, 63, TYPE_LDT, 0)));
  if (by_task) BY("LDT in the LDT", tss2.ldt = 4);
  if (by_task) BY("LDT beyond GDT", tss2.ldt = GDT_SIZE);
  BY("CS null", tss2.cs = 0);
  BY("CS data", tss2.cs = D0);
  BY("CS beyond GDT", tss2.cs = GDT_SIZE);
  BY("CS not present", tss2.cs = S0, describe(S0, segment(0, 0xfffff, READABLE, BIG | PAGES)));
  BY("CS DPL 3 RPL 0", tss2.cs = C3 & ~3);
  BY("CS conforming DPL 3 RPL 0", tss2.cs = S0, describe(S0, segment(0, 0xfffff, PRESENT | DPL3 | CONFORM, BIG | PAGES)));
  if (by_task) BY("SS null", tss2.ss = 0);
  if (by_task) BY("SS code", tss2.ss = C0);
  if (by_task) BY("SS RPL 3", tss2.ss = D0 + 3);
  if (by_task) BY("SS DPL 3", tss2.ss = D3 & ~3);
  if (by_task) BY("SS read-only", tss2.ss = S0, describe(S0, segment(0, 0xfffff, PRESENT | READ_ONLY, BIG | PAGES)));
  if (by_task) BY("SS beyond GDT", tss2.ss = GDT_SIZE);
  BY("DS null", tss2.ds = 3);
  BY("DS TSS", tss2.ds = TSS);
  BY("ES not present", tss2.es = S0, describe(S0, segment(0, 0xfffff, WRITABLE, BIG | PAGES)));
  BY("FS beyond GDT", tss2.fs = GDT_SIZE);
  BY("GS execute-only", tss2.gs = S0, describe(S0, segment(0, 0xfffff, PRESENT | EXECUTE_ONLY, BIG | PAGES)));
  BY("GS DPL 0 RPL 3", tss2.gs = D0 + 3);
  differs("qemu", "does not check the code limit (SDM vol. 3, 7.3)");
  BY("EIP beyond limit", tss2.cs = S0, describe(S0, segment(0, 0xff, PRESENT | READABLE, BIG)));
  if (by_task) BY("SS not present", tss2.ss = S0, describe(S0, segment(0, 0xfffff, WRITABLE, BIG | PAGES)));
}

void task_cases(void) {
  switches();
  refused();
  incoming("faults of the incoming task, delivered in it");
  by_task = 1;
  incoming("faults of the incoming task, delivered to another");
}
