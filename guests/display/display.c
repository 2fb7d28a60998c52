// Sets one display mode by its registers, without a BIOS, and fills the screen with a pattern; then says DRAWN on the serial line.
// Command line: text | text50 | mode13 | mode12 | modex | vbe8 | vbe16 | vbe24 | vbe32 | split | fill (30 pictures of
// 800 by 600 by 32 bits, stored, copied and filled by strings) | keys (scan codes and mouse bytes on the
// serial line; Escape changes to vbe32).
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

static inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outw(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 value; asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value; }
static inline u32 inl(u16 port) { u32 value; asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port)); return value; }

static void print(const char *text) {
  for (; *text; text++) {
    while (!(inb(0x3fd) & 0x20)) ;
    outb(0x3f8, *text);
  }
}
static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (*a == 0 || *a == ' ') && *b == 0;
}

struct mode { u8 misc, sequencer[5], crtc[25], graphics[9], attribute[21]; };
#define EGA_PALETTE 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define LINEAR_PALETTE 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

// The cursor is off (CRTC 0Ah bit 5) and nothing blinks, so that the picture stands still.
static const struct mode text = { 0x67, {3, 0, 3, 0, 2},
  {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x2d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
  {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}, {EGA_PALETTE, 4, 0, 0x0f, 8, 0} };
static const struct mode text50 = { 0x67, {3, 0, 3, 0, 2},
  {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x47, 0x2d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
  {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}, {EGA_PALETTE, 4, 0, 0x0f, 8, 0} };
static const struct mode mode13 = { 0x63, {3, 1, 0x0f, 0, 0x0e},
  {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
  {0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff}, {LINEAR_PALETTE, 0x41, 0, 0x0f, 0, 0} };
static const struct mode modex = { 0xe3, {3, 1, 0x0f, 0, 0x06},
  {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0d, 0x3e, 0, 0x41, 0, 0, 0, 0, 0, 0, 0xea, 0xac, 0xdf, 0x28, 0x00, 0xe7, 0x06, 0xe3, 0xff},
  {0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff}, {LINEAR_PALETTE, 0x41, 0, 0x0f, 0, 0} };
static const struct mode mode12 = { 0xe3, {3, 1, 0x0f, 0, 0x06},
  {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
  {0, 0, 0, 0, 0, 0, 0x05, 0x0f, 0xff}, {EGA_PALETTE, 1, 0, 0x0f, 0, 0} };

static void indexed(u16 port, u8 index, u8 value) { outb(port, index); outb(port + 1, value); }
static void sequencer(u8 index, u8 value) { indexed(0x3c4, index, value); }
static void graphics(u8 index, u8 value) { indexed(0x3ce, index, value); }

static void set_mode(const struct mode *m) {
  outb(0x3c2, m->misc);
  for (int i = 0; i < 5; i++) sequencer(i, m->sequencer[i]);
  indexed(0x3d4, 0x11, 0);
  for (int i = 0; i < 25; i++) indexed(0x3d4, i, m->crtc[i]);
  for (int i = 0; i < 9; i++) graphics(i, m->graphics[i]);
  inb(0x3da);
  for (int i = 0; i < 21; i++) { outb(0x3c0, i); outb(0x3c0, m->attribute[i]); }
  outb(0x3c0, 0x20);
}

// Every entry another colour of six bits each.
static void set_palette(void) {
  outb(0x3c6, 0xff);
  outb(0x3c8, 0);
  for (int i = 0; i < 256; i++) { outb(0x3c9, i & 63); outb(0x3c9, (i * 7) & 63); outb(0x3c9, 63 - (i >> 2)); }
}

static void clear(void) {
  sequencer(2, 0x0f); sequencer(4, 6); graphics(5, 0); graphics(6, 5);
  for (u32 i = 0; i < 0x10000; i++) ((volatile u8 *)0xa0000)[i] = 0;
}
// Glyphs that tell their number, every row another.
static void load_font(void) {
  sequencer(2, 4); sequencer(4, 6); graphics(5, 0); graphics(6, 4);
  for (u32 c = 0; c < 256; c++)
    for (u32 row = 0; row < 16; row++) ((volatile u8 *)0xa0000)[c * 32 + row] = row == 0 ? 0xff : (u8)(c ^ (row * 0x1d));
}

// Line graphics above BFh only: emulators differ about B0h to BFh, whose ninth column IBM leaves blank.
static void draw_text(const struct mode *m, u32 cells) {
  clear(); load_font(); set_mode(m); set_palette();
  for (u32 i = 0; i < cells; i++) {
    u8 c = (u8)(i * 5);
    if (c >= 0xb0 && c < 0xc0) c = 'A';
    ((volatile u16 *)0xb8000)[i] = c | (u8)(i * 3 + (i >> 4)) << 8;
  }
}
static void draw_chained(void) {
  clear(); set_mode(&mode13); set_palette();
  for (u32 i = 0; i < 64000; i++) ((volatile u8 *)0xa0000)[i] = (u8)(i * 3 + (i / 320) * 5);
}
static void draw_unchained(void) {
  clear(); set_mode(&modex); set_palette();
  for (u32 plane = 0; plane < 4; plane++) {
    sequencer(2, 1 << plane);
    for (u32 i = 0; i < 19200; i++) ((volatile u8 *)0xa0000)[i] = (u8)(i * 7 + plane * 50 + (i / 80));
  }
}
// All write modes and logical operations once.
static void draw_planar(void) {
  volatile u8 *screen = (volatile u8 *)0xa0000;
  clear(); set_mode(&mode12); set_palette();
  for (u32 plane = 0; plane < 4; plane++) {
    sequencer(2, 1 << plane);
    for (u32 i = 0; i < 38400; i++) screen[i] = (u8)(i * (plane + 3) + (i / 80) * 11);
  }
  sequencer(2, 0x0f);
  for (u32 operation = 0; operation < 4; operation++)
    for (u32 i = 0; i < 1600; i++) {
      u32 at = 4000 + operation * 4000 + i;
      graphics(3, operation << 3 | (i & 7)); graphics(0, i & 15); graphics(1, (i >> 4) & 15); graphics(8, (u8)(i * 13));
      (void)screen[at];
      screen[at] = (u8)(i * 31);
    }
  graphics(3, 0); graphics(1, 0);
  for (u32 i = 0; i < 1600; i++) { graphics(5, 1); (void)screen[i]; screen[20000 + i] = 0; }
  for (u32 i = 0; i < 1600; i++) { graphics(5, 2); graphics(8, (u8)i | 1); (void)screen[24000 + i]; screen[24000 + i] = i & 15; }
  for (u32 i = 0; i < 1600; i++) {
    graphics(5, 3); graphics(0, i & 15); graphics(8, 0x7e); graphics(3, i & 7);
    (void)screen[28000 + i];
    screen[28000 + i] = (u8)(i * 5);
  }
  // Read mode 1 finds a colour; what it says is drawn.
  for (u32 i = 0; i < 1600; i++) {
    graphics(5, 8); graphics(2, i & 15); graphics(7, 0x0f);
    u8 found = screen[i];
    graphics(5, 0); graphics(3, 0); graphics(8, 0xff); graphics(1, 0);
    screen[32000 + i] = found;
  }
}
// The lower half starts again at address 0; the upper half is further down in memory.
static void draw_split(void) {
  draw_unchained();
  indexed(0x3d4, 0x0c, 0x10);
  indexed(0x3d4, 0x18, 239);
  indexed(0x3d4, 7, 0x2e);
  indexed(0x3d4, 9, 0x01);
}

static void dispi(u16 index, u16 value) { outw(0x1ce, index); outw(0x1cf, value); }
static u32 pci_read(u32 slot, u32 offset) { outl(0xcf8, 0x80000000 | slot << 11 | offset); return inl(0xcfc); }
static void pci_write(u32 slot, u32 offset, u32 value) { outl(0xcf8, 0x80000000 | slot << 11 | offset); outl(0xcfc, value); }

// The framebuffer of the standard VGA; firmware may have placed it already.
static volatile u8 *framebuffer(void) {
  for (u32 slot = 0; slot < 32; slot++) {
    if (pci_read(slot, 0) != 0x11111234) continue;
    if ((pci_read(slot, 0x10) & ~15u) == 0) pci_write(slot, 0x10, 0xe0000000);
    pci_write(slot, 4, pci_read(slot, 4) | 3);
    return (volatile u8 *)(pci_read(slot, 0x10) & ~15u);
  }
  print("FAIL no adapter\n");
  return 0;
}
static void draw_linear(u32 bits) {
  volatile u8 *memory = framebuffer();
  u32 bytes = bits / 8;
  if (!memory) return;
  set_palette();
  dispi(4, 0); dispi(1, 640); dispi(2, 480); dispi(3, bits); dispi(4, 0x41);
  inb(0x3da);
  outb(0x3c0, 0x20);
  for (u32 y = 0; y < 480; y++)
    for (u32 x = 0; x < 640; x++)
      for (u32 i = 0; i < bytes; i++) memory[(y * 640 + x) * bytes + i] = (u8)(x * (i + 1) + y * 3 + ((x * y) >> 6));
}

// What a program without acceleration does: draws pixel by pixel, scrolls by copying upwards, clears with a string instruction.
static void fill(void) {
  volatile u32 *memory = (volatile u32 *)framebuffer();
  const u32 width = 800, height = 600;
  if (!memory) return;
  dispi(4, 0); dispi(1, width); dispi(2, height); dispi(3, 32); dispi(4, 0x41);
  inb(0x3da);
  outb(0x3c0, 0x20);
  for (u32 picture = 0; picture < 30; picture++) {
    u32 count = width * height;
    volatile u32 *to = memory;
    asm volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(picture * 0x010203) : "memory");
    for (u32 y = 0; y < height; y++)
      for (u32 x = 0; x < width; x++) memory[y * width + x] = (x << 16 | y << 4) + picture;
    for (u32 i = 0; i < width * (height - 16); i++) memory[i] = memory[i + width * 16];
  }
}

static void hex(u8 value) {
  const char digits[] = "0123456789abcdef";
  char out[] = { digits[value >> 4], digits[value & 15], ' ', 0 };
  print(out);
}
static void show_keys(void) {
  draw_text(&text, 2000);
  outb(0x64, 0xd4); outb(0x60, 0xf4);
  print("DRAWN\n");
  for (;;) {
    u8 status = inb(0x64);
    if (!(status & 1)) continue;
    print(status & 0x20 ? "m" : "k");
    u8 byte = inb(0x60);
    hex(byte);
    print("\n");
    if (status & 0x20 || byte != 0x01) continue;
    draw_linear(32);
    print("DRAWN\n");
  }
}

void main(const u32 *information) {
  const char *line = information[0] & 4 ? (const char *)information[4] : "";
  // The first word may be the name of the kernel.
  for (const char *p = line; *p; p++) if (*p == ' ' && p[1]) line = p + 1;
  if (same(line, "text")) draw_text(&text, 2000);
  else if (same(line, "text50")) draw_text(&text50, 4000);
  else if (same(line, "mode13")) draw_chained();
  else if (same(line, "mode12")) draw_planar();
  else if (same(line, "modex")) draw_unchained();
  else if (same(line, "split")) draw_split();
  else if (same(line, "vbe8")) draw_linear(8);
  else if (same(line, "vbe16")) draw_linear(16);
  else if (same(line, "vbe24")) draw_linear(24);
  else if (same(line, "vbe32")) draw_linear(32);
  else if (same(line, "fill")) fill();
  else if (same(line, "keys")) show_keys();
  else print("FAIL unknown mode\n");
  print("DRAWN\n");
  for (;;) asm volatile("pause");
}
