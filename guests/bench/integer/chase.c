/* Following pointers through 4 MiB in random order: every load misses caches and, with paging, the TLB of most processors. */
#include "../bench.h"

#define NODES 65536
static struct node {
  struct node *next;
  u32 value, unused[14];
} nodes[NODES];

/* One cycle through all nodes (Sattolo's shuffle). */
static void link_nodes(void) {
  static u32 order[NODES];
  u32 seed = 1;
  for (u32 i = 0; i < NODES; i++) order[i] = i;
  for (u32 i = NODES - 1; i > 0; i--) {
    u32 j = next_random(&seed) % i, t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (u32 i = 0; i < NODES; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    nodes[i].value = next_random(&seed);
  }
}

static NOINLINE u32 follow(const struct node *p, u32 count) {
  u32 sum = 0;
  while (count--) {
    sum = sum * 3 + p->value;
    p = p->next;
  }
  return sum;
}

KERNEL(chase, "chase") {
  u32 sum = 0;
  link_nodes();
  for (u32 i = 0; i < rounds; i++) sum = mix(sum, follow(nodes + i, NODES));
  return sum;
}
