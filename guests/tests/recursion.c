/* Direct tests: deep chains of calls, returns that do not match their calls, and stacks that are exchanged. */
#include "harness.h"

u32 recurse_direct(u32 depth), recurse_indirect(u32 depth), recurse_mutual(u32 depth);
u32 return_elsewhere(u32 count), call_and_pop(u32 count), switch_stacks(u32 count, u32 other);
u32 on_stack(u32 (*function)(u32), u32 argument, u32 stack);

#define BIG_STACK 0xf00000u /* grows down to 0x900000 */

void test_main(void) {
  check("direct, 100 deep", on_stack(recurse_direct, 100, BIG_STACK), 100);
  check("direct, 200000 deep", on_stack(recurse_direct, 200000, BIG_STACK), 200000);
  check("indirect, 200000 deep", on_stack(recurse_indirect, 200000, BIG_STACK), 200000);
  check("mutual, 100000 deep", on_stack(recurse_mutual, 100000, BIG_STACK), 100000);
  u32 sum = 0;
  for (u32 i = 0; i < 300; i++) sum += on_stack(recurse_direct, i, BIG_STACK);
  check("every depth to 300", sum, 299 * 300 / 2);
  check("returns to an address that was pushed", return_elsewhere(20000), 20000);
  check("calls that never return", call_and_pop(20000), 20000);
  check("two stacks in turn", switch_stacks(20000, 0xa00000), 20000);
}
