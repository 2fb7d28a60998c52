/* The 16550 at 0x3f8, driven by interrupts: one ring in each direction; polled while interrupts are off. */
#include "hello.h"

#define PORT 0x3f8
#define RING 1024u /* a power of two */
#define FIFO 16

enum { DATA = 0, INTERRUPT_ENABLE = 1, IDENTIFY = 2, FIFO_CONTROL = 2, LINE_CONTROL = 3, MODEM_CONTROL = 4, LINE_STATUS = 5 };
enum { RECEIVED_READY = 1, TRANSMITTER_EMPTY = 0x20 };
enum { ENABLE_RECEIVE = 1, ENABLE_TRANSMIT = 2 };

struct ring {
  volatile u32 head, tail; /* head: next to write; tail: next to read; both count without wrapping */
  char bytes[RING];
};

static struct ring output, input;

void serial_start(void) {
  out8(PORT + INTERRUPT_ENABLE, 0);
  out8(PORT + LINE_CONTROL, 0x80);
  out8(PORT + 0, 1); /* 115200 baud */
  out8(PORT + 1, 0);
  out8(PORT + LINE_CONTROL, 0x03); /* 8 bits, no parity */
  out8(PORT + FIFO_CONTROL, 0x07);
  out8(PORT + MODEM_CONTROL, 0x0b); /* OUT2 lets the interrupt through */
  out8(PORT + INTERRUPT_ENABLE, ENABLE_RECEIVE);
}

static void send(void) {
  if (!(in8(PORT + LINE_STATUS) & TRANSMITTER_EMPTY)) return;
  for (u32 i = 0; i < FIFO && output.tail != output.head; i++) out8(PORT + DATA, (u8)output.bytes[output.tail++ % RING]);
  out8(PORT + INTERRUPT_ENABLE, ENABLE_RECEIVE | (output.tail != output.head ? ENABLE_TRANSMIT : 0));
}

static void receive(void) {
  while (in8(PORT + LINE_STATUS) & RECEIVED_READY) {
    char c = (char)in8(PORT + DATA);
    if (input.head - input.tail < RING) input.bytes[input.head++ % RING] = c;
  }
}

void serial_interrupt(void) {
  while (!(in8(PORT + IDENTIFY) & 1)) {
    receive();
    send();
  }
}

static int interrupts_are_on(u32 flags) { return (flags & 0x200) != 0; }

/* Makes room (or, with `keep` 0, empties the ring): by waiting for interrupts if they are on, by polling otherwise. */
static void drain(u32 flags, u32 keep) {
  while (output.head - output.tail > keep) {
    if (interrupts_are_on(flags)) wait_for_interrupt();
    else send();
  }
}

static void put_byte(char c) {
  u32 flags = interrupts_off();
  drain(flags, RING - 1);
  int was_empty = output.head == output.tail;
  output.bytes[output.head++ % RING] = c;
  /* Enabling the interrupt while the transmitter is empty raises it at once, which starts the sending. */
  if (was_empty) out8(PORT + INTERRUPT_ENABLE, ENABLE_RECEIVE | ENABLE_TRANSMIT);
  interrupts_restore(flags);
}

void serial_put(char c) {
  if (c == '\n') put_byte('\r');
  put_byte(c);
}

void serial_flush(void) {
  u32 flags = interrupts_off();
  drain(flags, 0);
  while (!(in8(PORT + LINE_STATUS) & 0x40)) continue;
  interrupts_restore(flags);
}

char serial_get(void) {
  u32 flags = interrupts_off();
  while (input.head == input.tail) wait_for_interrupt();
  char c = input.bytes[input.tail++ % RING];
  interrupts_restore(flags);
  return c;
}
