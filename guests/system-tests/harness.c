/* The harness of the system tests: tables at the start of a case, what happened, and the line that says so; see harness.h. */
#include "harness.h"

extern u32 stubs[];
extern void enter(void), double_fault(void);
extern const u8 real_start[], real_end[], real_stubs[];

struct state in, out;
struct tss tss, tss_df, tss2, tss3;
struct tss16 tss16;
u64 gdt[GDT_SIZE / 8] __attribute__((aligned(8))), ldt[8] __attribute__((aligned(8))), idt[256] __attribute__((aligned(8)));
u32 show_rf, quiet_registers;
u32 real_mode, from_real; /* the case starts there; it ended there */

static u32 length;       /* of the snippet at CODE */
static u32 cases;
static volatile u32 running; /* a case */
static u32 trace_left, trace_count;
static struct {
  u32 eip, dr6;
} traced[64];
static struct {
  u32 address, count, size;
} watches[6];
static u32 watch_count;
static u8 df_stack[1024] __attribute__((aligned(16)));

struct pointer {
  u16 limit;
  u32 base;
} __attribute__((packed));

/* By string instructions, which every engine does in blocks: most of what a case costs. */
void *memcpy(void *to, const void *from, u32 count) {
  void *at = to;
  __asm__ volatile("cld; rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
  return to;
}

void *memset(void *to, int value, u32 count) {
  void *at = to;
  __asm__ volatile("cld; rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
  return to;
}

static void put(char c) {
  out8(0xe9, (u8)c);
  while (!(in8(0x3fd) & 0x20)) continue;
  out8(0x3f8, (u8)c);
}

void print(const char *text) {
  while (*text) put(*text++);
}

void print_hex(u32 value) {
  u32 shift = 28;
  while (shift && !(value >> shift)) shift -= 4;
  for (;; shift -= 4) {
    put("0123456789abcdef"[value >> shift & 15]);
    if (!shift) return;
  }
}

static void print_decimal(u32 value) {
  if (value >= 10) print_decimal(value / 10);
  put((char)('0' + value % 10));
}

u64 segment(u32 base, u32 limit, u32 access, u32 flags) {
  u32 low = base << 16 | (limit & 0xffff);
  u32 high = (base & 0xff000000) | flags << 20 | (limit & 0xf0000) | access << 8 | (base >> 16 & 0xff);
  return (u64)high << 32 | low;
}

u64 gate(u32 access, u32 selector, u32 offset, u32 count) {
  u32 low = selector << 16 | (offset & 0xffff);
  u32 high = (offset & 0xffff0000) | access << 8 | count;
  return (u64)high << 32 | low;
}

void describe(u32 selector, u64 descriptor) { (selector & 4 ? ldt : gdt)[selector >> 3] = descriptor; }

static void describe_flat(u32 cpl, u32 code, u32 data) {
  describe(code, segment(0, 0xfffff, PRESENT | cpl << 5 | READABLE | ACCESSED, BIG | PAGES));
  describe(data, segment(0, 0xfffff, PRESENT | cpl << 5 | WRITABLE | ACCESSED, BIG | PAGES));
}

static void describe_tss(u32 selector, void *base, u32 size) {
  describe(selector, segment((u32)base, size - 1, PRESENT | TYPE_TSS32, 0));
}

static void fill_gdt(void) {
  memset(gdt, 0, sizeof gdt);
  describe_flat(0, C0, D0);
  describe_flat(1, C1, D1);
  describe_flat(2, C2, D2);
  describe_flat(3, C3, D3);
  describe_tss(TSS, &tss, sizeof tss);
  describe_tss(TSS_DF, &tss_df, 104);
  describe_tss(TSS2, &tss2, 104);
  describe_tss(TSS3, &tss3, 104);
  describe(TSS16, segment((u32)&tss16, sizeof tss16 - 1, PRESENT | 1, 0));
  describe(LDT, segment((u32)ldt, sizeof ldt - 1, PRESENT | TYPE_LDT, 0));
  describe(C0_16, segment(CODE, 0xffff, PRESENT | READABLE | ACCESSED, 0));
  describe(D0_16, segment(STACK, 0xffff, PRESENT | WRITABLE | ACCESSED, 0));
  describe(C3_16, segment(CODE, 0xffff, PRESENT | DPL3 | READABLE | ACCESSED, 0));
  describe(D3_16, segment(STACK3, 0xffff, PRESENT | DPL3 | WRITABLE | ACCESSED, 0));
  describe(H0_16, segment(HANDLER, 0xffff, PRESENT | READABLE | ACCESSED, 0));
  describe(R0_16, segment(REAL, 0xffff, PRESENT | READABLE | ACCESSED, 0));
  describe(CONFORMING, segment(0, 0xfffff, PRESENT | CONFORM | ACCESSED, BIG | PAGES));
}

void fill_idt(void) {
  for (u32 i = 0; i < 256; i++) idt[i] = gate(PRESENT | TYPE_INT32, C0, stubs[i], 0);
  idt[3] = gate(PRESENT | DPL3 | TYPE_INT32, C0, stubs[3], 0);
  idt[4] = gate(PRESENT | DPL3 | TYPE_INT32, C0, stubs[4], 0);
  idt[0xff] = gate(PRESENT | DPL3 | TYPE_INT32, C0, stubs[0xff], 0);
  idt[8] = gate(PRESENT | TYPE_TASK, TSS_DF, 0, 0);
}

static u32 read_cr3(void) {
  u32 value;
  __asm__ volatile("movl %%cr3, %0" : "=r"(value));
  return value;
}

static void fill_task(struct tss *t, u32 esp) {
  memset(t, 0, sizeof *t);
  t->cr3 = read_cr3();
  t->eflags = 2;
  t->es = t->ss = t->ds = t->fs = t->gs = D0;
  t->cs = C0;
  t->esp = esp;
  t->eip = HANDLER;
  t->map = 104;
  t->ss0 = D0;
  t->esp0 = SECOND + 3 * TOP;
}

static void fill_tasks(void) {
  memset(&tss, 0, sizeof tss);
  tss.cr3 = read_cr3();
  tss.esp0 = STACK + TOP;
  tss.ss0 = tss.ss1 = tss.ss2 = D0;
  tss.esp1 = STACK + 2 * TOP;
  tss.ss1 = D1;
  tss.esp2 = STACK + 3 * TOP;
  tss.ss2 = D2;
  tss.map = sizeof tss; /* no I/O bitmap */
  fill_task(&tss_df, (u32)df_stack + sizeof df_stack);
  tss_df.eip = (u32)double_fault;
  fill_task(&tss2, SECOND + TOP);
  memset(tss2.bits, 0xff, sizeof tss2.bits);
  fill_task(&tss3, SECOND + 2 * TOP);
  memset(&tss16, 0, sizeof tss16);
  tss16.flags = 2;
  tss16.es = tss16.ss = tss16.ds = D0_16;
  tss16.cs = H0_16;
  tss16.sp = 0x2000;
}

static void load_tables(void) {
  struct pointer g = {sizeof gdt - 1, (u32)gdt}, i = {sizeof idt - 1, (u32)idt};
  __asm__ volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
  __asm__ volatile("ltr %w0; lldt %w1" : : "r"(TSS), "r"(LDT));
}

static void clear_debug_registers(void) {
  __asm__ volatile("movl %0, %%db7; movl %1, %%db6; movl %0, %%db0; movl %0, %%db1; movl %0, %%db2; movl %0, %%db3"
                   : : "r"(0), "r"(0xffff0ff0));
}

static u32 read_dr6(void) {
  u32 value;
  __asm__ volatile("movl %%db6, %0" : "=r"(value));
  return value;
}

static const struct state START = {
  0xeaeaeaea, 0xecececec, 0xedededed, DATA, STACK + TOP, 0xebebebeb, DATA + 0x100, DATA + 0x200,
  CODE, 2, D0, C0, D0, D0, D0, D0, 0, 0, 0,
};

void begin(void) {
  u32 cr0;
  __asm__ volatile("movl %%cr0, %0; andl $~0xe, %0; movl %0, %%cr0; fninit" : "=&r"(cr0)); /* TS, EM, MP */
  fill_gdt();
  fill_idt();
  fill_tasks();
  memset(ldt, 0, sizeof ldt);
  load_tables();
  clear_debug_registers();
  __asm__ volatile("movl %0, %%cr2" : : "r"(0));
  memset((void *)DATA, 0, 0x1000);
  memset((void *)STACK, 0, 0x4000);
  memset((void *)STACK3, 0, 0x2000);
  memset((void *)CODE, 0xcc, 0x1000); /* INT3 stops what runs astray */
  memset((void *)HANDLER, 0xcc, 0x1000);
  memset((void *)SECOND, 0, 0x4000);
  in = START;
  watch_count = trace_left = trace_count = real_mode = 0;
}

void load(u32 address, struct snippet snippet) {
  memcpy((void *)address, snippet.start, (u32)(snippet.end - snippet.start) + 2);
}

void start(struct snippet snippet) {
  length = (u32)(snippet.end - snippet.start);
  load(CODE, snippet);
}

void ring(u32 cpl) {
  static const u16 code[] = {C0, C1, C2, C3}, data[] = {D0, D1, D2, D3};
  in.cs = code[cpl];
  in.es = in.ss = in.ds = in.fs = in.gs = data[cpl];
  in.esp = STACK3 + TOP;
}

void code16(void) {
  in.cs = C0_16;
  in.ss = D0_16;
  in.eip = 0;
  in.esp = TOP;
}

void v86(u32 iopl) {
  in.eflags |= VM | iopl << 12;
  in.cs = CODE >> 4;
  in.es = in.ds = in.fs = in.gs = DATA >> 4;
  in.ss = STACK3 >> 4;
  in.eip = 0;
  in.esp = TOP;
  in.ebx = 0;
  in.esi = 0x100;
  in.edi = 0x200;
}

void vector16(u32 vector, u32 address) { poke32(IVT + 4 * vector, (address & 0xffff0) << 12 | (address & 15)); }

void real(void) {
  v86(0);
  in.eflags = 2;
  real_mode = 1;
  memset((void *)(DATA + 0xff00), 0, 0x100); /* where cases wrap */
  memset((void *)(STACK3 + 0xff00), 0, 0x100);
  memcpy((void *)REAL, real_start, (u32)(real_end - real_start));
  for (u32 i = 0; i < 256; i++) poke32(IVT + 4 * i, REAL << 12 | ((u32)(real_stubs - real_start) + 8 * i));
  LOW->es = LOW->ss = LOW->ds = LOW->fs = LOW->gs = D0_16;
  LOW->protected_limit = sizeof idt - 1;
  LOW->protected_base = (u32)idt;
}

static void add_watch(u32 address, u32 count, u32 size) {
  watches[watch_count].address = address;
  watches[watch_count].count = count;
  watches[watch_count++].size = size;
}
void watch(u32 address, u32 count) { add_watch(address, count, 4); }
void watch8(u32 address, u32 count) { add_watch(address, count, 1); }
void watch16(u32 address, u32 count) { add_watch(address, count, 2); }
void trace(u32 limit) { trace_left = limit; }

/* Offsets of snippets with a sign, anything else as it is. */
static void print_eip(u32 eip) {
  if (eip - CODE < 0x1000) {
    put('+');
    print_hex(eip - CODE);
  } else if (eip - HANDLER < 0x1000) {
    print("h+");
    print_hex(eip - HANDLER);
  } else print_hex(eip);
}

static u32 log_trace(void) {
  if (out.vector != 1 || !trace_left) return 0;
  u32 dr6 = read_dr6();
  traced[trace_count].eip = out.eip;
  traced[trace_count++].dr6 = dr6;
  trace_left--;
  __asm__ volatile("movl %0, %%db6" : : "r"(0xffff0ff0));
  in = out;
  if (dr6 & 15) in.eflags |= RF;
  return 1;
}

/* An exception of the harness itself: nothing after it can be trusted. */
static void give_up(void) {
  print("harness: #");
  print_decimal(out.vector);
  print(" at ");
  print_hex(out.eip);
  print("\n");
  for (;;) __asm__ volatile("cli; hlt");
}

/* Called by every stub; nonzero: go on from `in`. */
u32 harness_event(void) {
  if (!running) give_up();
  if (from_real) memcpy(&out, (void *)REAL, sizeof LOW->state);
  from_real = 0;
  __asm__ volatile("movl %%cr2, %0" : "=r"(out.cr2));
  out.es &= 0xffff;
  out.cs &= 0xffff;
  out.ss &= 0xffff;
  out.ds &= 0xffff;
  out.fs &= 0xffff;
  out.gs &= 0xffff;
  if (out.vector - 0x20 < 16) out8(0x20, 0x20);
  running = log_trace();
  return running;
}

void harness_double_fault(void) {
  u32 from = (u32)(gdt[tss_df.link >> 3] >> 16 & 0xffffff) | (u32)(gdt[tss_df.link >> 3] >> 56) << 24;
  struct tss *t = (struct tss *)from;
  out.eax = t->eax, out.ecx = t->ecx, out.edx = t->edx, out.ebx = t->ebx;
  out.esp = t->esp, out.ebp = t->ebp, out.esi = t->esi, out.edi = t->edi;
  out.eip = t->eip, out.eflags = t->eflags;
  out.es = t->es, out.cs = t->cs, out.ss = t->ss, out.ds = t->ds, out.fs = t->fs, out.gs = t->gs;
}

static void print_change(const char *name, u32 before, u32 after) {
  if (before == after) return;
  put(' ');
  print(name);
  put('=');
  print_hex(after);
}

static void print_changes(const struct state *from) {
  u32 mask = show_rf ? ~0u : ~(u32)RF;
  print_change("eax", from->eax, out.eax);
  print_change("ecx", from->ecx, out.ecx);
  print_change("edx", from->edx, out.edx);
  print_change("ebx", from->ebx, out.ebx);
  print_change("esp", from->esp, out.esp);
  print_change("ebp", from->ebp, out.ebp);
  print_change("esi", from->esi, out.esi);
  print_change("edi", from->edi, out.edi);
  print_change("flags", from->eflags & mask, out.eflags & mask);
  print_change("es", from->es, out.es);
  print_change("cs", from->cs, out.cs);
  print_change("ss", from->ss, out.ss);
  print_change("ds", from->ds, out.ds);
  print_change("fs", from->fs, out.fs);
  print_change("gs", from->gs, out.gs);
}

static void print_watch(u32 address, u32 count, u32 size) {
  print(" [");
  if (address < 0x100000) print_hex(address); /* where the tables lie is the linker's business */
  print("]=");
  for (u32 i = 0; i < count; i++) {
    if (i) put(',');
    if (size == 1) print_hex(*(volatile u8 *)(address + i));
    else print_hex(size == 2 ? *(volatile u16 *)(address + 2 * i) : peek32(address + 4 * i));
  }
}

static void print_vector(void) {
  put('#');
  print_decimal(out.vector);
  if (!real_mode && (out.vector == 8 || (out.vector >= 10 && out.vector <= 14) || out.vector == 17)) {
    put('(');
    print_hex(out.error);
    put(')');
  }
  put('@');
  print_eip(out.eip);
  if (out.vector == 14) print_change("cr2", ~out.cr2, out.cr2);
  if (out.vector == 1) print_change("dr6", ~read_dr6(), read_dr6());
}

static void print_result(const struct state *from) {
  put(' ');
  if (out.vector == 0xff && out.eip + CODE - (from->eip & ~0xfffu) == CODE + length + 2) print("end");
  else print_vector();
  if (!quiet_registers) print_changes(from);
  for (u32 i = 0; i < watch_count; i++) print_watch(watches[i].address, watches[i].count, watches[i].size);
  for (u32 i = 0; i < trace_count; i++) {
    put(' ');
    print_eip(traced[i].eip);
    put(':');
    print_hex(traced[i].dr6 & 0xe00f);
  }
}

void finish(const char *name) {
  struct state from = in;
  if (real_mode) {
    memcpy((void *)REAL, &in, sizeof LOW->state);
    LOW->ip = (u16)in.eip;
    LOW->cs = (u16)in.cs;
  }
  running = 1;
  enter();
  running = 0;
  __asm__ volatile("movl %0, %%db7" : : "r"(0x400));
  print(name);
  put(':');
  print_result(&from);
  put('\n');
  cases++;
}

void group(const char *title) {
  print("# ");
  print(title);
  put('\n');
}

void differs(const char *emulator, const char *reason) {
  print("~ ");
  print(emulator);
  print(": ");
  print(reason);
  put('\n');
}

void differs_all(const char *emulator, const char *reason) {
  print("~");
  differs(emulator, reason);
}

u32 is_tcg(void) {
  u32 a = 0x40000000, b, c, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
  return b == 0x54474354 && c == 0x43544743;
}

static void mask_interrupts(void) {
  static const u8 words[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 4}, {0xa1, 2}, {0x21, 1}, {0xa1, 1}, {0x21, 0xff}, {0xa1, 0xff}};
  for (u32 i = 0; i < sizeof words / 2; i++) out8(words[i][0], words[i][1]);
}

/* A fault without any IDT: three in a row end the machine, so this comes last. */
static void triple_fault(void) {
  struct pointer none = {0, 0};
  print("# shutdown\ntriple fault: ends the machine\n");
  while (!(in8(0x3fd) & 0x40)) continue;
  __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void power_off(void) {
  out8(0xf4, 0);
  for (const char *text = "Shutdown"; *text; text++) out8(0x8900, (u8)*text);
  out16(0xb004, 0x2000);
  out16(0x604, 0x2000);
}

const char *numbered(const char *text, u32 number) {
  static char name[80];
  u32 at = 0;
  while (*text) name[at++] = *text++;
  name[at++] = ' ';
  name[at++] = "0123456789abcdef"[number >> 4 & 15];
  name[at++] = "0123456789abcdef"[number & 15];
  name[at] = 0;
  return name;
}

void harness_main(void) {
  out8(0x3fb, 3); /* eight bits: what Bochs writes to its file */
  memset((void *)REAL, 0, SECOND + 0x10000 - REAL); /* where firmware and loaders may have been */
  mask_interrupts();
  segment_cases();
  query_cases();
  limit_cases();
  transfer_cases();
  interrupt_cases();
  task_cases();
  debug_cases();
  system_cases();
  v86_cases();
  virtual_cases();
  wrap_cases();
  real_cases();
  delivery_cases();
  fpu_cases();
  apic_cases();
  paging_cases();
  print_decimal(cases);
  print(" cases\n");
  triple_fault();
  print("triple fault: goes on\n");
  power_off();
}
