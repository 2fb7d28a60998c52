/* Breakpoints that the delivery of an event meets, and RF between the iterations of a REP instruction (SDM vol. 3, 17.2, 17.3). */
#include "harness.h"

enum { WRITE = 1, ACCESS = 3, FOUR = 3 };

static void arm(u32 address, u32 kind, u32 length) {
  __asm__ volatile("movl %0, %%db0; movl %1, %%db7" : : "r"(address), "r"(0x402 | kind << 16 | length << 18));
}
#define NOPS HANDLE("nop\nnop\nnop")
#define UD idt[6] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0), NOPS

/* Ring 0 arms them itself: the way into a case writes to its stack. */
#define ARMED(name, text, address, kind, ...) \
  CASE(name, "mov dr0, eax\nmov dr7, ecx\n" text, in.eax = address, in.ecx = 0x402 | kind << 16 | FOUR << 18, UD, ##__VA_ARGS__)

static void pushes(void) {
  group("data breakpoints met while an event is delivered");
  differs_all("qemu", "ends in an assertion of its own, so these are left out for it (SDM vol. 3, 17.2)");
  if (is_tcg()) return;
  ARMED("exception, EFLAGS", "ud2", STACK + TOP - 4, WRITE);
  ARMED("exception, EIP", "ud2", STACK + TOP - 12, WRITE);
  RING_CASE(3, "exception, inner stack", "ud2", UD, arm(STACK + TOP - 8, WRITE, FOUR));
  ARMED("exception, error code", "mov ds, ax", STACK + TOP - 16, WRITE, idt[13] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  ARMED("int n", "int 0x40", STACK + TOP - 4, WRITE, idt[0x40] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
  ARMED("the faulting instruction's own accesses do not count", "pop ds", STACK + TOP, ACCESS, poke32(STACK + TOP, 0x1000), idt[13] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0));
}

#define RF_SET "after an iteration but the last the RF pushed is 1 (SDM vol. 3, 17.3.1.1)"

static void resume(void) {
  group("RF between iterations");
  show_rf = 1;
  differs("hvm", RF_SET);
  CASE("breakpoint after an iteration", "cld\nrep stosb\nnop", arm(DATA + 0x202, WRITE, 0), in.ecx = 5);
  differs("qemu", "stands at the instruction after its last iteration, too (SDM vol. 3, 17.2.4)");
  CASE("breakpoint after the last iteration", "cld\nrep stosb\nnop", arm(DATA + 0x204, WRITE, 0), in.ecx = 5);
  CASE("compare that ends early", "cld\nrepe cmpsb\nnop", poke8(DATA + 0x100, 1), in.ecx = 5, arm(DATA + 0x100, ACCESS, 0));
  differs("hvm", RF_SET);
  CASE("single step", "cld\nrep stosb\nnop", in.eflags |= TF, in.eip = CODE + 1, in.ecx = 3);
  CASE("single step, last iteration", "cld\nrep stosb\nnop", in.eflags |= TF, in.eip = CODE + 1, in.ecx = 1);
  CASE("without REP", "stosb\nnop", arm(DATA + 0x200, WRITE, 0));
  show_rf = 0;
}

void delivery_cases(void) {
  pushes();
  resume();
}
