/* Page faults: every right, WP, NX, reserved bits, accessed and dirty, 4 KiB, 4 MiB, 2 MiB pages, and faults while delivering faults (SDM vol. 3, 4, 6.15). */
#include "harness.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
/* The page whose entry the cases change, and another linear address of its frame that always works. */
enum { VICTIM = 0x31000, ALIAS = 0x33000, INDEX = VICTIM >> 12 };

static u32 directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static u64 pointers[4] __attribute__((aligned(4096))), directory64[512] __attribute__((aligned(4096)));
static u64 low64[512] __attribute__((aligned(4096)));

static void set_cr3(u32 value) { __asm__ volatile("movl %0, %%cr3" : : "r"(value) : "memory"); }
static void set_cr4(u32 value) { __asm__ volatile("movl %0, %%cr4" : : "r"(value) : "memory"); }
static void set_cr0(u32 set, u32 clear) {
  u32 value;
  __asm__ volatile("movl %%cr0, %0; orl %1, %0; andl %2, %0; movl %0, %%cr0" : "=&r"(value) : "r"(set), "r"(~clear) : "memory");
}
static void flush(void) {
  u32 value;
  __asm__ volatile("movl %%cr3, %0; movl %0, %%cr3" : "=r"(value) : : "memory");
}
static void set_nxe(u32 on) {
  __asm__ volatile("rdmsr; andl $~0x800, %%eax; orl %0, %%eax; wrmsr" : : "r"(on << 11), "c"(0xc0000080) : "eax", "edx");
}

static void pte(u32 rights) { table[INDEX] = VICTIM | rights, flush(); }
static void pde(u32 rights) { directory[0] = (u32)table | rights, flush(); }
static void pte64(u32 rights, u32 high) { low64[INDEX] = (u64)high << 32 | VICTIM | rights, flush(); }

static void fill_tables(void) {
  for (u32 i = 0; i < 1024; i++) table[i] = i << 12 | P | W | U;
  for (u32 i = 1; i < 16; i++) directory[i] = i << 22 | P | W | U | PS;
  directory[0] = (u32)table | P | W | U;
  table[ALIAS >> 12] = VICTIM | P | W | U;
  for (u32 i = 0; i < 512; i++) low64[i] = i << 12 | P | W | U;
  low64[ALIAS >> 12] = VICTIM | P | W | U;
  for (u32 i = 1; i < 32; i++) directory64[i] = i << 21 | P | W | U | PS;
  directory64[0] = (u32)low64 | P | W | U;
  pointers[0] = (u32)directory64 | P;
}

#define READ "mov eax, [0x31000]"
#define WRITE "mov [0x31004], eax"
#define RUN "mov eax, 0x31000\ncall eax"
#define TABLE watch16((u32)&table[INDEX], 1)

static void rights(u32 wp) {
  set_cr0(wp << 16, (wp ^ 1) << 16);
  group(wp ? "4 KiB pages, WP" : "4 KiB pages");
  for (u32 bits = 0; bits < 8; bits++) {
    CASE(numbered("ring 0 read, P W U", bits), READ, pte(bits), TABLE);
    CASE(numbered("ring 0 write, P W U", bits), WRITE, pte(bits), TABLE);
    CASE(numbered("ring 3 read, P W U", bits), READ, ring(3), pte(bits), TABLE);
    CASE(numbered("ring 3 write, P W U", bits), WRITE, ring(3), pte(bits), TABLE);
    CASE(numbered("ring 3 run, P W U", bits), RUN, ring(3), poke8(ALIAS, 0xc3), pte(bits), TABLE);
  }
  pte(P | W | U);
  CASE("ring 3, directory without U", READ, ring(3), poke8(ALIAS, 0), pde(P | W));
  pde(P | W | U);
}

static void accesses(void) {
  group("kinds of access");
  CASE("ring 3 write, read-only directory", WRITE, ring(3), directory[15] = 0, pde(P | U));
  pde(P | W | U);
  CASE("read-modify-write of read-only", "inc dword ptr [0x31000]", ring(3), pte(P | U));
  differs("qemu", "reads first and reports a read (SDM vol. 3, 4.7: W/R says what the access was; the manual leaves the order open)");
  CASE("read-modify-write of absent", "inc dword ptr [0x31000]", ring(3), pte(U));
  CASE("across pages, second absent", "mov eax, [0x30ffe]", pte(0));
  CASE("across pages, write, second absent writes nothing", "mov [0x30ffe], eax", pte(0), watch(DATA + 0xffc, 1));
  CASE("across pages, write, second read-only", "mov [0x30ffe], eax", ring(3), pte(P | U), watch(DATA + 0xffc, 1));
  CASE("across pages, first absent", "mov eax, [0x31ffe]", pte(0));
  CASE("push", "mov esp, 0x31004\npush eax\npush ecx", pte(0), ring(3));
  differs("qemu", "writes in another order (the manual leaves it open)");
  CASE("pushad into an absent page", "mov esp, 0x32010\npushad", pte(0), ring(3));
  CASE("rep stosb up to an absent page", "cld\nrep stosb", pte(0), in.edi = 0x30ffc, in.ecx = 8, watch(0x30ffc, 1));
  CASE("rep movsd, source absent", "cld\nrep movsd", pte(0), in.esi = 0x30ff8, in.ecx = 4);
  CASE("rep stosd backward across", "std\nrep stosd", pte(0), in.edi = 0x32004, in.ecx = 4);
  CASE("instruction across pages", "jmp 0x10ffd", ring(3), memcpy((void *)0x30ffd, "\xb8\x01\x00", 3), pte(0), start(SNIPPET("mov eax, 0x30ffd\njmp eax")));
  CASE("run absent", RUN, ring(3), pte(0));
  CASE("fild across", "fild qword ptr [0x30ffc]", pte(0));
  CASE("cmpxchg that fails on read-only", "cmpxchg [0x31000], ecx", ring(3), pte(P | U), poke32(0x500, 0));
  CASE("bound", "bound eax, [0x30ffc]", pte(0), in.eax = 0);
  CASE("verr does not touch the page", "verr ax", in.eax = D0, pte(0));
  CASE("accessed bit", READ, poke32(ALIAS, 0), pte(P | W | U), TABLE, watch8((u32)&directory[0], 1));
  CASE("dirty bit", WRITE, pte(P | W | U), TABLE);
  CASE("dirty after accessed", "mov eax, [0x31000]\nmov [0x31000], ecx\n", poke32(ALIAS, 0), pte(P | W | U), TABLE);
  CASE("not dirty when the write faults", WRITE, ring(3), pte(P | U), TABLE);
  CASE("invlpg", "mov eax, [0x31000]\nmov dword ptr [edx], 0\ninvlpg [0x31000]\nmov eax, [0x31000]", poke32(ALIAS, 0), pte(P | W), in.edx = (u32)&table[INDEX]);
  set_cr4(0x10);
  pte(P | W | U);
}

static void implicit(void) {
  group("implicit accesses are supervisor accesses");
  CASE("descriptor in an absent page", "lldt cx\nmov ds, eax", in.eax = 0xc, in.ecx = LDT, describe(LDT, segment(VICTIM, 0xfff, PRESENT | TYPE_LDT, 0)), pte(0));
  CASE("descriptor in a supervisor page from ring 3", "mov ds, eax", ring(3), in.eax = 0xc, memcpy((void *)ALIAS, gdt, 64), describe(LDT, segment(VICTIM, 0xfff, PRESENT | TYPE_LDT, 0)),
       ({ u64 d = segment(0, 0xffff, PRESENT | DPL3 | WRITABLE, 0); memcpy((void *)(ALIAS + 8), &d, 8); __asm__ volatile("lldt %w0" : : "r"(LDT)); pte(P | W); }), watch(ALIAS + 12, 1));
  differs("qemu", "writes the dword, not the byte (the manual leaves it open)");
  CASE("accessed bit of a descriptor in a read-only page, WP", "mov ds, eax", in.eax = 0xc, describe(LDT, segment(VICTIM, 0xfff, PRESENT | TYPE_LDT, 0)),
       ({ pte(P | W); u64 d = segment(0, 0xffff, PRESENT | WRITABLE, 0); memcpy((void *)(ALIAS + 8), &d, 8); __asm__ volatile("lldt %w0" : : "r"(LDT)); set_cr0(0x10000, 0); pte(P); }));
  set_cr0(0, 0x10000);
  pte(P | W | U);
  CASE("inner stack absent at a call gate", "call 0x8b:0", ring(3), describe(S0, gate(PRESENT | DPL3 | TYPE_CALL32, C1, HANDLER, 0)), tss.esp1 = VICTIM + 0x100, pte(0));
  CASE("inner stack read-only at a call gate, WP", "call 0x8b:0", ring(3), describe(S0, gate(PRESENT | DPL3 | TYPE_CALL32, C1, HANDLER, 0)), tss.esp1 = VICTIM + 0x100, set_cr0(0x10000, 0), pte(P | U));
  set_cr0(0, 0x10000);
  differs("hvm", "which field of the TSS is read first is not defined (SDM vol. 3, 7.3)");
  differs("qemu", "which field of the TSS is read first is not defined (SDM vol. 3, 7.3)");
  CASE("TSS of an incoming task absent", "jmp 0xb8:0", describe(TSS2, segment(VICTIM, 103, PRESENT | TYPE_TSS32, 0)), pte(0));
  pte(P | W | U);
}

static void delivery(void) {
  group("faults while delivering faults");
#define AT1(vector) idt[vector] = gate(PRESENT | TYPE_INT32, C1, HANDLER, 0), tss.esp1 = VICTIM + 0x100, pte(0)
#define ABSENT(vector) idt[vector] = gate(TYPE_INT32, C0, HANDLER, 0)
  CASE("#GP, then #PF is a page fault", "mov ds, eax", ring(3), in.eax = TSS, AT1(13));
  CASE("#PF, then #PF is a double fault", READ, ring(3), AT1(14));
  CASE("#PF, then #NP is a double fault", READ, ABSENT(14), pte(0));
  CASE("#PF, then #GP is a double fault", READ, idt[14] = gate(PRESENT | TYPE_INT32, D0, 0, 0), pte(0));
  CASE("#UD, then #PF is a page fault", "ud2", ring(3), AT1(6));
  pte(P | W | U);
  CASE("#GP, then #NP is a double fault", "mov ds, eax", in.eax = TSS, ABSENT(13));
  CASE("#NP, then #NP is a double fault", "mov ds, eax", in.eax = S0, describe(S0, segment(0, 5, WRITABLE, 0)), ABSENT(11));
  CASE("#SS, then #NP is a double fault", "mov ss, eax", in.eax = S0, describe(S0, segment(0, 5, WRITABLE, 0)), ABSENT(12));
  CASE("#TS, then #NP is a double fault", "call 0x8b:0", ring(3), describe(S0, gate(PRESENT | DPL3 | TYPE_CALL32, C1, HANDLER, 0)), tss.ss1 = 0, ABSENT(10));
  CASE("#DE, then #NP is a double fault", "xor ecx, ecx\ndiv ecx", ABSENT(0));
  CASE("#DE, then #GP is a double fault", "xor ecx, ecx\ndiv ecx", idt[0] = 0);
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("#NM, then #NP is a fault", "smsw ax\nor al, 8\nlmsw ax\nfld1", ABSENT(7));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("#BR, then #NP is a fault", "bound eax, [ebx]", in.eax = 9, ABSENT(5));
  differs("qemu", "leaves EXT out of the error code (SDM vol. 3, 6.13)");
  CASE("#DB, then #NP is a fault", "nop", in.eflags |= TF, ABSENT(1));
  CASE("int 13, then #NP is a fault", "int 13", ABSENT(13));
  CASE("int 0, then #GP is a fault", "int 0", idt[0] = 0);
  CASE("#UD, then #NP, then #NP is a double fault", "ud2", ABSENT(6), ABSENT(11));
  CASE("#UD, then #NP, then #PF", "ud2", ring(3), ABSENT(6), AT1(11));
  pte(P | W | U);
}

static void large(void) {
  group("4 MiB pages");
  CASE("read", "mov eax, [0x400000]\nmov eax, 0", directory[1] = 0x400000 | P | W | U | PS, flush(), watch8((u32)&directory[1], 1));
  CASE("write", "mov [0x400000], eax", directory[1] = 0x400000 | P | W | U | PS, flush(), watch8((u32)&directory[1], 1));
  CASE("read-only", "mov [0x400000], eax", ring(3), directory[1] = 0x400000 | P | U | PS, flush());
  CASE("supervisor", "mov [0x400000], eax", ring(3), directory[1] = 0x400000 | P | W | PS, flush());
  differs("qemu", "leaves P out of the error code of a reserved bit (SDM vol. 3, 4.7)");
  CASE("reserved bit 21", "mov eax, [0x400000]", directory[1] = 0x600000 | P | W | U | PS, flush());
  CASE("reserved bit 21, not present", "mov eax, [0x400000]", directory[1] = 0x600000 | W | U | PS, flush());
  directory[1] = 0x400000 | P | W | U | PS;
  CASE("PS without PSE is a table", "mov eax, [0x401000]", set_cr4(0), directory[1] = (u32)table | P | W | U | PS, table[1] = 0, flush());
  table[1] = 0x1000 | P | W | U;
  directory[1] = 0x400000 | P | W | U | PS;
  set_cr4(0x10);
}

static void pae(void) {
  group("PAE");
  set_cr0(0, 0x80000000);
  set_cr4(0x20);
  CASE("PDPTE reserved bit", "mov cr3, eax", in.eax = (u32)pointers, pointers[1] = 3, set_cr3((u32)directory), ({ u32 v; __asm__ volatile("movl %%cr0, %0" : "=r"(v)); }));
  pointers[1] = 0;
  set_cr3((u32)pointers);
  set_cr0(0x80000000, 0);
  differs("qemu", "has no page-directory-pointer registers (SDM vol. 3, 4.4.1)");
  CASE("PDPTE reserved bit while paging", "mov cr3, eax", in.eax = (u32)pointers, pointers[1] = 3);
  pointers[1] = 0;
  for (u32 bits = 0; bits < 8; bits++) {
    CASE(numbered("ring 3 read, P W U", bits), READ, ring(3), pte64(bits, 0), watch16((u32)&low64[INDEX], 1));
    CASE(numbered("ring 3 write, P W U", bits), WRITE, ring(3), pte64(bits, 0), watch16((u32)&low64[INDEX], 1));
  }
  differs("qemu", "leaves P out of the error code of a reserved bit (SDM vol. 3, 4.7)");
  CASE("reserved high bit", READ, pte64(P | W | U, 0x00100000));
  CASE("reserved high bit, not present", READ, pte64(W | U, 0x00100000));
  differs("qemu", "leaves P out of the error code of a reserved bit (SDM vol. 3, 4.7)");
  CASE("NX bit without NXE is reserved", READ, pte64(P | W | U, 0x80000000));
  CASE("2 MiB page", "mov eax, [0x400000]\nmov eax, 0", directory64[2] = 0x400000 | P | W | U | PS, flush(), watch8((u32)&directory64[2], 1));
  differs("qemu", "leaves P out of the error code of a reserved bit (SDM vol. 3, 4.7)");
  CASE("2 MiB page, reserved bit 13", "mov eax, [0x400000]", directory64[2] = 0x402000 | P | W | U | PS, flush());
  directory64[2] = 0x400000 | P | W | U | PS;
  CASE("absent pointer", "mov eax, [0x40000000]");
  differs("qemu", "has no registers for the pointers and loses its tables, so the case is left out for it (SDM vol. 3, 4.4.1)");
  if (!is_tcg()) CASE("changed pointer counts after CR3 is loaded", "mov dword ptr [edx], 0\nmov eax, [0x31000]\nmov dword ptr [edx], ecx", in.edx = (u32)&pointers[0], in.ecx = (u32)directory64 | P, pte64(P | W | U, 0), poke32(ALIAS, 0x66), quiet_registers = 1);
  quiet_registers = 0;
  group("PAE with NX");
  set_nxe(1);
  CASE("read", READ, poke32(ALIAS, 0x66), pte64(P | W | U, 0x80000000));
  CASE("run", RUN, poke8(ALIAS, 0xc3), pte64(P | W | U, 0x80000000));
  CASE("run in ring 3", RUN, ring(3), pte64(P | W | U, 0x80000000));
  CASE("run supervisor page in ring 3", RUN, ring(3), pte64(P | W, 0));
  CASE("run absent", RUN, ring(3), pte64(0, 0));
  CASE("run allowed", RUN, ring(3), pte64(P | W | U, 0));
  CASE("NX in the directory", "mov eax, 0x631000\ncall eax", ring(3), pte64(P | W | U, 0), directory64[3] = (u64)0x80000000 << 32 | (u32)low64 | P | W | U, flush());
  directory64[3] = 0x600000 | P | W | U | PS;
  flush();
  CASE("instruction across into an NX page", "mov eax, 0x30ffd\njmp eax", ring(3), memcpy((void *)0x30ffd, "\xb8\x01\x00", 3), pte64(P | W | U, 0x80000000));
  CASE("write", WRITE, ring(3), pte64(P | U, 0x80000000));
  set_nxe(0);
  set_cr0(0, 0x80000000);
  set_cr4(0);
  set_cr3(0);
}

void paging_cases(void) {
  memset((void *)VICTIM, 0, 0x3000);
  fill_tables();
  set_cr4(0x10);
  set_cr3((u32)directory);
  set_cr0(0x80000000, 0x10000);
  rights(0);
  rights(1);
  set_cr0(0, 0x10000);
  accesses();
  implicit();
  delivery();
  large();
  pae();
}
