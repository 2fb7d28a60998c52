/** The host's clock: how many instructions are let run before it is looked at again. */
import { describe, expect, it } from 'vitest';
import { HostClock } from '../../src/hv/clock.js';

const FAR = 1e12;
const MILLISECOND = 1e6;

/** Runs what the clock allows `times` times; `perInstruction` and `perRun` are host nanoseconds. */
function runs(times: number, perInstruction: number, perRun: number) {
  let hostNow = 0;
  const clock = new HostClock(() => hostNow);
  const go = (count: number, instruction: number, run: number): void => {
    for (let i = 0; i < count; i++) {
      const budget = clock.instructionsUntil(FAR);
      const since = clock.now();
      hostNow += budget * instruction + run;
      clock.ran(budget, since);
    }
  };
  go(times, perInstruction, perRun);
  return { clock, go };
}

describe('the speed that the host clock estimates', () => {
  it('settles on what runs take', () => {
    const { clock } = runs(100, 10, 0);
    expect(clock.instructionsUntil(FAR)).toBeGreaterThan((0.9 * MILLISECOND) / 10);
    expect(clock.instructionsUntil(FAR)).toBeLessThan((1.1 * MILLISECOND) / 10);
  });
  it('recovers when the host has stalled run after run', () => {
    const { clock, go } = runs(100, 10, 20 * MILLISECOND);
    expect(clock.instructionsUntil(FAR)).toBeLessThan(1000);
    go(200, 10, 0);
    expect(clock.instructionsUntil(FAR)).toBeGreaterThan((0.9 * MILLISECOND) / 10);
  });
  it('is not shaken by one short run', () => {
    const { clock } = runs(100, 10, 0);
    const before = clock.instructionsUntil(FAR);
    const since = clock.now();
    clock.ran(3, since - 100_000);
    expect(clock.instructionsUntil(FAR)).toBe(before);
  });
});
