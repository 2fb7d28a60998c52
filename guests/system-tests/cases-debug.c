/* Single steps, breakpoints of every kind, RF, ICEBP, the debug registers (SDM vol. 3, chapter 17). */
#include "harness.h"

static void set_dr(u32 number, u32 value) {
  switch (number) {
    case 0: __asm__ volatile("movl %0, %%db0" : : "r"(value)); break;
    case 1: __asm__ volatile("movl %0, %%db1" : : "r"(value)); break;
    case 2: __asm__ volatile("movl %0, %%db2" : : "r"(value)); break;
    case 3: __asm__ volatile("movl %0, %%db3" : : "r"(value)); break;
    case 6: __asm__ volatile("movl %0, %%db6" : : "r"(value)); break;
    default: __asm__ volatile("movl %0, %%db7" : : "r"(value));
  }
}
/* DR7 of one breakpoint: kind 0 code, 1 write, 2 I/O, 3 access; length code 0 byte, 1 word, 3 dword. */
#define ARM(n, address, kind, length) set_dr(n, address), set_dr(7, 0x400 | 2 << 2 * (n) | (u32)(kind) << (16 + 4 * (n)) | (u32)(length) << (18 + 4 * (n)))
enum { EXECUTE, WRITE, IO, ACCESS };

static void set_cr4(u32 value) { __asm__ volatile("movl %0, %%cr4" : : "r"(value)); }

#define STEP(name, text, ...) CASE(name, text, in.eflags |= TF, trace(40), ##__VA_ARGS__)

static void steps(void) {
  group("single step");
  show_rf = 1;
  CASE("first trap", "nop\nnop", in.eflags |= TF);
  STEP("plain", "nop\nmov eax, 1\nadd eax, 2\ninc dword ptr [ebx]");
  STEP("jumps", "jmp 1f\nnop\n1: xor eax, eax\njz 2f\nnop\n2: jnz 3f\n3: nop");
  STEP("call and ret", "call 1f\nnop\njmp 2f\n1: ret\n2:");
  STEP("loop", "mov ecx, 3\n1: loop 1b\njecxz 2f\nnop\n2:");
  STEP("rep movsb traps after every iteration", "cld\nmov ecx, 3\nrep movsb\nnop");
  STEP("rep with count 0", "xor ecx, ecx\nrep stosb\nnop");
  STEP("repe scasb", "mov ecx, 5\ncld\nrepe scasb\nnop");
  STEP("pushf pushes TF", "pushfd\npop eax");
  STEP("popf clears TF, trap after it", "push 2\npopfd\nnop\nnop");
  CASE("popf sets TF, trap after the next", "push 0x102\npopfd\nnop\nnop", trace(40));
  CASE("iret sets TF", "push 0x102\npush 8\npush 0x20010\niretd\nnop\nnop\nnop\nnop\nnop\nnop\nnop\nnop", trace(2));
  STEP("iret clears TF", "push 2\npush 8\npush 0x20014\niretd\nnop\nnop\nnop\nnop\nnop\nnop\nnop\nnop");
  STEP("mov ss holds the trap", "mov eax, ss\nmov ss, eax\nnop\nnop");
  STEP("pop ss holds the trap", "push ss\npop ss\nnop\nnop");
  differs("qemu", "holds the single-step trap behind LSS, a second MOV SS and STI (SDM vol. 3, 6.8.3: only behind MOV SS and POP SS)");
  STEP("lss does not", "lss esp, [ebx]\nnop", poke32(DATA, STACK + TOP), poke32(DATA + 4, D0));
  differs("qemu", "holds the single-step trap behind LSS, a second MOV SS and STI (SDM vol. 3, 6.8.3: only behind MOV SS and POP SS)");
  STEP("mov ss twice", "mov eax, ss\nmov ss, eax\nmov ss, eax\nnop\nnop");
  STEP("mov ds does not", "mov eax, ds\nmov ds, eax\nnop");
  differs("qemu", "holds the single-step trap behind LSS, a second MOV SS and STI (SDM vol. 3, 6.8.3: only behind MOV SS and POP SS)");
  STEP("sti does not hold it", "sti\nnop\ncli\nnop");
  STEP("int n clears TF, iret restores it", "int 0x40\nnop", idt[0x40] = gate(PRESENT | TYPE_TRAP32, C0, HANDLER, 0), load(HANDLER, SNIPPET("nop\niretd")));
  STEP("int3 is no trap of its own", "int3");
  STEP("into not taken", "into\nnop");
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  STEP("a fault comes first", "nop\nud2");
  STEP("cpuid", "xor eax, eax\ncpuid\nxor eax, eax\nxor ecx, ecx\nxor edx, edx\nxor ebx, ebx");
  STEP("far jmp", "jmp 8:0x60000", HANDLE("nop"));
  STEP("far call and retf", "call 8:0x60000\nnop", load(HANDLER, SNIPPET("retf")));
  STEP("in and out", "in al, 0x21\nmov al, 0\nout 0x80, al\nmov al, 0");
  STEP("string in", "mov edx, 0x21\nmov ecx, 2\ncld\nrep insb\nmov byte ptr [0x30200], 0\n");
  STEP("mov cr0", "mov eax, cr0\nmov cr0, eax\nxor eax, eax");
  STEP("x87", "fninit\nfld1\nfstp st(0)\nwait");
  STEP("hlt-free sequence with segments", "push es\npop es\npush fs\npop fs");
  STEP("call gate to ring 0", "call 0x8b:0\nnop", ring(3), in.eflags |= TF, describe(S0, gate(PRESENT | DPL3 | TYPE_CALL32, C0, HANDLER, 0)), load(HANDLER, SNIPPET("nop\nretf")));
  STEP("ring 3", "nop\npush eax\npop eax", ring(3), in.eflags |= TF);
  STEP("cmpxchg and lock", "lock inc dword ptr [ebx]\nlock cmpxchg [ebx], ecx", in.eax = 1);
  STEP("wrmsr rdmsr", "mov ecx, 0x174\nrdmsr\nwrmsr\nxor ecx, ecx\nxor edx, edx\nxor eax, eax");
  differs("qemu", "traps once more in the new task (SDM vol. 3, 7.3: TF is taken from its TSS)");
  STEP("task switch", "jmp 0xb8:0", HANDLE("nop"));
  STEP("jmp to itself is left by a register", "mov ecx, 2\n1: dec ecx\njnz 1b");
  STEP("enter leave", "enter 8, 0\nleave");
  STEP("pushad popad", "pushad\npopad");
  STEP("xchg and bound", "xchg eax, ecx\nbound edx, [ebx]", in.edx = 0);
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  CASE("icebp", ".byte 0xf1\nnop");
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  CASE("icebp in ring 3", ".byte 0xf1\nnop", ring(3));
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  STEP("icebp under TF", ".byte 0xf1\nnop");
  differs("qemu", "does not know INT1 (SDM vol. 3, 6.3.2, 17.3.1.6)");
  CASE("icebp leaves BS alone", ".byte 0xf1\nnop", set_dr(6, 0xffff4ff0));
  differs("hvm", "Bochs clears BT; the processor never clears it (SDM vol. 3, 17.2.3)");
  differs("qemu", "Bochs clears BT; the processor never clears it (SDM vol. 3, 17.2.3)");
  CASE("BT is sticky", "nop", in.eflags |= TF, set_dr(6, 0xffff8ff0));
}

static void code_breakpoints(void) {
  group("code breakpoints");
  CASE("first instruction", "nop\nnop", ARM(0, CODE, EXECUTE, 0));
  CASE("second", "nop\nmov eax, 1\nnop", ARM(1, CODE + 1, EXECUTE, 0));
  CASE("in the middle of an instruction", "nop\nmov eax, 1\nnop", ARM(1, CODE + 2, EXECUTE, 0));
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("RF suppresses one", "nop\nnop", ARM(0, CODE, EXECUTE, 0), in.eflags |= RF);
  CASE("RF is gone after one", "1: dec ecx\njnz 1b", ARM(0, CODE, EXECUTE, 0), in.eflags |= RF, in.ecx = 2);
  differs("qemu", "does not clear RF when the instruction behind IRET has completed (SDM vol. 3, 17.3.1.1)");
  CASE("handler sets RF and goes on", "nop\nnop\nnop", ARM(2, CODE + 1, EXECUTE, 0), trace(4));
  CASE("in a loop", "mov ecx, 3\n1: nop\nloop 1b", ARM(2, CODE + 5, EXECUTE, 0), trace(9));
  CASE("not armed", "nop\nnop", ARM(3, CODE, EXECUTE, 0), set_dr(7, 0x400));
  CASE("local enable", "nop", set_dr(0, CODE), set_dr(7, 0x401));
  CASE("breakpoint before the fault", "ud2", ARM(0, CODE, EXECUTE, 0));
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("fault image has RF", "ud2");
  CASE("trap image has no RF", "int3");
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("page fault-like #GP image has RF", "mov ds, eax", in.eax = TSS);
  differs("qemu", "does not hold breakpoints behind MOV SS (SDM vol. 3, 6.8.3)");
  CASE("held behind mov ss", "mov eax, ss\nmov ss, eax\nnop\nnop", ARM(0, CODE + 4, EXECUTE, 0));
  CASE("two at once", "nop", set_dr(0, CODE), set_dr(1, CODE), set_dr(7, 0x40a));
  CASE("TF and the next breakpoint", "nop\nnop\nnop", ARM(0, CODE + 1, EXECUTE, 0), in.eflags |= TF);
  differs("qemu", "clears RF after each iteration; it holds until the instruction has completed (SDM vol. 3, 17.3.1.1)");
  CASE("rep under RF", "cld\nrep stosb\nnop", ARM(0, CODE + 1, EXECUTE, 0), in.ecx = 3, trace(9));
  differs("qemu", "ends with a segmentation fault of its own here, so the case is left out for it");
  if (!is_tcg()) CASE("based segment, the linear address counts", "nop\nnop", in.cs = S0, in.eip = 0, describe(S0, segment(CODE, 0xffff, PRESENT | READABLE | ACCESSED, BIG)), ARM(0, CODE + 1, EXECUTE, 0));
  CASE("ring 3", "nop\nnop", ring(3), ARM(0, CODE + 1, EXECUTE, 0));
  CASE("jmp there", "jmp 1f\nnop\n1: nop", ARM(0, CODE + 3, EXECUTE, 0));
}

static void data_breakpoints(void) {
  group("data breakpoints");
  CASE("write byte", "mov [ebx], al\nnop", ARM(0, DATA, WRITE, 0));
  CASE("read does not match a write", "mov al, [ebx]\nnop", ARM(0, DATA, WRITE, 0));
  CASE("read matches an access", "mov al, [ebx]\nnop", ARM(0, DATA, ACCESS, 0));
  CASE("write matches an access", "mov [ebx], al\nnop", ARM(0, DATA, ACCESS, 0));
  CASE("next byte", "mov [ebx+1], al\nnop", ARM(0, DATA, WRITE, 0));
  CASE("dword write over a byte breakpoint", "mov [ebx], eax\nnop", ARM(0, DATA + 2, WRITE, 0));
  CASE("word breakpoint, its second byte", "mov [ebx+1], al\nnop", ARM(0, DATA, WRITE, 1));
  CASE("word breakpoint, third byte", "mov [ebx+2], al\nnop", ARM(0, DATA, WRITE, 1));
  differs("qemu", "does not round the address down to the length (SDM vol. 3, 17.2.5)");
  CASE("odd address of a word is rounded", "mov [ebx], al\nnop", ARM(0, DATA + 1, WRITE, 1));
  CASE("dword breakpoint, last byte", "mov [ebx+3], al\nnop", ARM(0, DATA, WRITE, 3));
  CASE("dword breakpoint, byte before", "mov [ebx-1], al\nnop", ARM(0, DATA, WRITE, 3));
  CASE("dword access across its start", "mov [ebx-2], eax\nnop", ARM(0, DATA, WRITE, 3));
  CASE("read-modify-write", "inc dword ptr [ebx]\nnop", ARM(0, DATA, WRITE, 3));
  CASE("test only reads", "test [ebx], eax\nnop", ARM(0, DATA, WRITE, 3));
  CASE("push", "push eax\nnop\npop eax", ring(3), ARM(3, STACK3 + TOP - 4, WRITE, 3));
  differs("qemu", "does not clear RF when the instruction behind IRET has completed (SDM vol. 3, 17.3.1.1)");
  CASE("pop reads", "push eax\npop eax\nnop", ring(3), ARM(3, STACK3 + TOP - 4, ACCESS, 3), trace(5));
  CASE("call pushes", "call 1f\n1: nop\npop eax\nxor eax, eax\n", ring(3), ARM(3, STACK3 + TOP - 4, WRITE, 3));
  differs("hvm", "after an iteration but the last the RF pushed is 1 (SDM vol. 3, 17.3.1.1)");
  CASE("rep stosb stops after the iteration", "cld\nrep stosb\nnop", ARM(0, DATA + 0x202, WRITE, 0), in.ecx = 5);
  differs("hvm", "after an iteration but the last the RF pushed is 1 (SDM vol. 3, 17.3.1.1)");
  CASE("rep movsd reads", "cld\nrep movsd\nnop", ARM(0, DATA + 0x104, ACCESS, 3), in.ecx = 4);
  differs("qemu", "reports the first match only (SDM vol. 3, 17.2.3)");
  CASE("several hits, all bits", "mov [ebx], eax\nnop", set_dr(0, DATA), set_dr(1, DATA + 1), set_dr(2, DATA + 3), set_dr(7, 0x400 | 0x2a | 0x01110000));
  differs("qemu", "writes through a null ES, so that the breakpoint matches (SDM vol. 3, 5.4.1)");
  CASE("faulting write does not match", "mov es:[0], eax\nnop", ARM(0, 0, WRITE, 3), in.es = 0);
  differs("qemu", "does not hold breakpoints behind MOV SS (SDM vol. 3, 6.8.3)");
  CASE("held behind mov ss", "mov ss, [ebx]\nnop\nnop", poke32(DATA, D0), ARM(0, DATA, ACCESS, 1));
  differs("qemu", "delivers the breakpoint, then the single step in its handler, instead of one #DB for both (SDM vol. 3, 6.9, 17.2.3)");
  CASE("with TF", "mov [ebx], al\nnop", ARM(0, DATA, WRITE, 0), in.eflags |= TF);
  CASE("jmp through memory", "jmp [ebx]\nnop\nnop", poke32(DATA, CODE + 3), ARM(0, DATA, ACCESS, 3));
  CASE("cmpxchg that fails writes back", "cmpxchg [ebx], ecx\nnop", ARM(0, DATA, WRITE, 3));
  CASE("xchg", "xchg [ebx], ecx\nnop", ARM(0, DATA, WRITE, 3));
  CASE("ring 3", "mov [ebx], al\nnop", ring(3), ARM(0, DATA, WRITE, 0));
  CASE("lea does not", "lea eax, [ebx]\nnop", ARM(0, DATA, ACCESS, 3));
  CASE("pushad in the middle", "pushad\nnop\npopad", ring(3), ARM(0, STACK3 + TOP - 16, WRITE, 3));
  CASE("fild qword, upper half", "fild qword ptr [ebx]\nfninit", ARM(0, DATA + 4, ACCESS, 3));
  CASE("sgdt", "sgdt [ebx]\nnop", ARM(0, DATA + 4, WRITE, 1));
}

static void io_breakpoints(void) {
  group("I/O breakpoints");
  set_cr4(8);
  CASE("out", "mov al, 0\nout 0x80, al\nnop", ARM(0, 0x80, IO, 0));
  CASE("in", "in al, 0x21\nmov al, 0\nnop", ARM(0, 0x21, IO, 0));
  CASE("other port", "mov al, 0\nout 0x80, al\nnop", ARM(0, 0x81, IO, 0));
  CASE("word breakpoint", "mov al, 0\nout 0x81, al\nnop", ARM(0, 0x80, IO, 1));
  differs("qemu", "reports a repeated OUTS behind the instruction without counting (SDM vol. 3, 17.3.1.3)");
  differs("hvm", "after an iteration but the last the RF pushed is 1 (SDM vol. 3, 17.3.1.1)");
  CASE("rep outsb", "mov edx, 0x80\ncld\nrep outsb\nnop", ARM(0, 0x80, IO, 0), in.ecx = 3);
  CASE("memory at that address", "mov [ebx], al\nnop", ARM(0, DATA, IO, 0));
  set_cr4(0);
}

static void registers(void) {
  group("debug registers");
  CASE("mov dr0", "mov dr0, eax\nmov ecx, dr0", in.eax = 0x12345678);
  CASE("dr6 fixed bits", "mov dr6, eax\nmov ecx, dr6", in.eax = 0);
  differs("qemu", "lets reserved bits of DR6 and DR7 be written (SDM vol. 3, 17.2.3, 17.2.4)");
  CASE("dr6 all ones", "mov dr6, eax\nmov ecx, dr6", in.eax = ~0x00000000u);
  CASE("dr7 fixed bits", "mov dr7, eax\nmov ecx, dr7\nmov eax, 0x400\nmov dr7, eax", in.eax = 0);
  differs("qemu", "lets reserved bits of DR6 and DR7 be written (SDM vol. 3, 17.2.3, 17.2.4)");
  CASE("dr7 reserved bits", "mov dr7, eax\nmov ecx, dr7\nmov eax, 0x400\nmov dr7, eax", in.eax = 0xd000);
  CASE("dr4 is dr6", "mov ecx, dr4", set_dr(6, 0xffff4ff1));
  CASE("dr5 is dr7", "mov ecx, dr5");
  set_cr4(8);
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("dr4 with DE", "mov ecx, dr4");
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  CASE("dr5 with DE", "mov dr5, ecx");
  set_cr4(0);
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  RING_CASE(3, "read in ring 3", "mov eax, dr7");
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  RING_CASE(3, "write in ring 3", "mov dr0, eax");
  differs("qemu", "neither sets RF in the image of faults nor clears it after every instruction (SDM vol. 3, 17.3.1.1)");
  RING_CASE(1, "read in ring 1", "mov eax, dr0");
  differs("qemu", "does not implement GD (SDM vol. 3, 17.2.4)");
  CASE("GD", "nop\nmov eax, dr0\nnop", set_dr(7, 0x2400));
  differs("qemu", "does not implement GD (SDM vol. 3, 17.2.4)");
  CASE("GD write to dr7", "mov dr7, eax\nnop", set_dr(7, 0x2400));
  differs("qemu", "does not implement GD (SDM vol. 3, 17.2.4)");
  CASE("GD is cleared for the handler", "mov dr6, eax\nnop", set_dr(7, 0x2400), idt[1] = gate(PRESENT | TYPE_INT32, C0, HANDLER, 0), load(HANDLER, SNIPPET("mov eax, dr7\nmov ecx, dr6")));
  set_dr(7, 0x400);
  CASE("memory form of the encoding is a register", ".byte 0x0f, 0x21, 0x03\nxor ebx, ebx\nxor eax, eax");
  CASE("task switch clears local enables", "jmp 0xb8:0", set_dr(7, 0x455), HANDLE("mov eax, dr7\nmov ecx, 0"));
  show_rf = 0;
}

void debug_cases(void) {
  steps();
  code_breakpoints();
  data_breakpoints();
  io_breakpoints();
  registers();
}
