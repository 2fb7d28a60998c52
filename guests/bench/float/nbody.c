/* Five bodies that attract each other: square roots and divisions in double precision. */
#include "../bench.h"

#define BODIES 5
struct body {
  double x, y, z, vx, vy, vz, mass;
};
static struct body bodies[BODIES];

static void prepare(void) {
  u32 seed = 17;
  for (u32 i = 0; i < BODIES; i++) {
    double *value = &bodies[i].x;
    for (u32 k = 0; k < 6; k++) value[k] = (s32)next_random(&seed) * (k < 3 ? 4e-9 : 2e-10);
    bodies[i].mass = i ? 0.01 * i : 4.0;
  }
}

static NOINLINE void advance(double dt) {
  for (u32 i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    for (u32 j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double square = dx * dx + dy * dy + dz * dz + 0.01;
      double force = dt / (square * __builtin_sqrt(square));
      a->vx -= dx * b->mass * force, a->vy -= dy * b->mass * force, a->vz -= dz * b->mass * force;
      b->vx += dx * a->mass * force, b->vy += dy * a->mass * force, b->vz += dz * a->mass * force;
    }
  }
  for (u32 i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    a->x += dt * a->vx, a->y += dt * a->vy, a->z += dt * a->vz;
  }
}

KERNEL(nbody, PREFIX "nbody") {
  prepare();
  for (u32 i = 0; i < rounds * 100; i++) advance(0.001);
  return mix_bytes(0, bodies, sizeof bodies);
}
