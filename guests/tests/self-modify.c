/* Direct tests: code that is changed ahead of and inside the loop that runs, in every way a store can reach it. Each
 * loop is hot before the change comes, so that a translation of the old bytes exists. */
#include "harness.h"

/* self-modify-code.S */
u32 ahead_straight(u32 value), ahead_in_loop(u32 count), behind_in_loop(u32 count), every_turn(u32 count), outer_loop(u32 count);
u32 caller(u32 count), indirect_caller(u32 count), branch_turned(u32 count), own_store(u32 count), by_push(u32 value);
u32 by_string(u32 count), across_page_end(u32 count), other_page(u32 count), by_alias(u32 count, u32 alias), by_rmw(u32 count);
u32 by_unaligned_store(u32 count), data_beside(u32 count), by_fill(u32 count);
u32 called_from_other_page(u32 count);
extern u8 alias_add[], crossing_add[], position_independent[], position_independent_end[];

#define COUNT 20000u
/* one per turn until 1000 are left, then two */
#define AHEAD (COUNT - 1000 + 2 * 1000)

static void in_place(void) {
  u32 sum = 0;
  for (u32 i = 1; i <= 3000; i++) sum += ahead_straight(i);
  check("the next instruction", sum, 3000 * 3001 / 2);
  check("ahead in the running loop", ahead_in_loop(COUNT), AHEAD);
  check("ahead in the running loop, again", ahead_in_loop(COUNT), AHEAD);
  check("behind in the running loop", behind_in_loop(COUNT), AHEAD - 1);
  check("every turn", every_turn(COUNT), COUNT * (COUNT - 1) / 2);
  check("the outer loop, from the inner one", outer_loop(200), 100 * 1 + 100 * 5);
  check("a branch turned round", branch_turned(COUNT), 1000);
  check("the storing instruction itself", own_store(COUNT), COUNT);
}

static void functions(void) {
  check("a function that is called", caller(COUNT), AHEAD);
  check("a function that is called by pointer", indirect_caller(COUNT), AHEAD);
  check("from another page", other_page(COUNT), AHEAD);
  check("the caller, by the function it calls", called_from_other_page(COUNT), AHEAD - 1);
}

static void kinds_of_store(void) {
  u32 sum = 0;
  for (u32 i = 0; i < 3000; i++) sum += by_push(i);
  check("by PUSH", sum, 3000 * 2999 / 2);
  check("by REP MOVSB", by_string(500), 500 * 501 / 2);
  check("by REP STOSB", by_fill(COUNT), COUNT - 1000);
  check("by a read-modify-write", by_rmw(COUNT), AHEAD);
  check("by a store that only touches its edge", by_unaligned_store(COUNT), AHEAD);
  check("data beside hot code", data_beside(COUNT), COUNT * 3);
}

static void by_another_address(void) {
  u32 page = (u32)alias_add & ~(PAGE - 1);
  map(WINDOW, page, P | W);
  flush(WINDOW);
  check("by another address of the page", by_alias(COUNT, WINDOW + ((u32)alias_add & (PAGE - 1)) + 2), AHEAD);
}

static void at_page_ends(void) {
  check("an instruction across the page end", across_page_end(COUNT), AHEAD);
  check("its second page starts inside it", ((u32)crossing_add & (PAGE - 1)) > PAGE - 5, 1);
}

/* u32 code(u32 count, u8 *patch): see position_independent; copied so that its ADD crosses from one frame to another that is
 * not the next one, and patched by the second frame's own address. */
static void across_frames(void) {
  static const char *const names[4] = {"across two frames, 1 byte on the first", "across two frames, 2 bytes on the first",
                                       "across two frames, 3 bytes on the first", "across two frames, 4 bytes on the first"};
  static const u32 add = 13; /* offset of the ADD in the copied code */
  for (u32 inside = 1; inside <= 4; inside++) {
    u32 linear = WINDOW + 11 * PAGE - add - inside;
    map(WINDOW + 10 * PAGE, FRAME(7), P | W);
    map(WINDOW + 11 * PAGE, FRAME(3), P | W);
    flush_all();
    memcpy((void *)linear, position_independent, (u32)(position_independent_end - position_independent));
    u32 immediate = linear + add + 1;
    /* physical address of the immediate's low byte */
    u32 patch = inside > 1 ? FRAME(7) + (immediate & (PAGE - 1)) : FRAME(3);
    u32 got = ((u32(*)(u32, u32))linear)(COUNT, patch);
    check(names[inside - 1], got, AHEAD);
  }
}

/* Generates, runs and overwrites functions of changing length in one buffer. */
static void generated(void) {
  u32 sum = 0;
  for (u32 round = 1; round <= 2000; round++) {
    u32 at = FRAME(0x20) + round % 7;
    write8(at, 0x31), write8(at + 1, 0xc0);
    u32 length = round % 60;
    for (u32 i = 0; i < length; i++) write8(at + 2 + i, round & 1 ? 0x40 : 0x48);
    write8(at + 2 + length, 0xc3);
    sum += call(at) == (round & 1 ? length : -length);
  }
  check("functions generated over one another", sum, 2000);
}

void test_main(void) {
  in_place();
  functions();
  kinds_of_store();
  by_another_address();
  at_page_ends();
  across_frames();
  generated();
}
