/** The host's clock: how many instructions are let run before it is looked at again. */
import { describe, expect, it } from 'vitest';
import { HostClock } from '../../src/hv/clock.js';
import { InstructionCounter } from '../../src/hv/counter.js';
import { R_BUDGET, R_COUNT } from '../../src/runtime/state.js';

const FAR = 1e12;
const MILLISECOND = 1e6;

/** Runs what the clock allows `times` times; `perInstruction` and `perRun` are host nanoseconds. */
function runs(times: number, perInstruction: number, perRun: number) {
  let hostNow = 0;
  const clock = new HostClock(() => hostNow);
  const go = (count: number, instruction: number, run: number): void => {
    for (let i = 0; i < count; i++) {
      const budget = clock.instructionsUntil(FAR, clock.now());
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
    expect(clock.instructionsUntil(FAR, clock.now())).toBeGreaterThan((0.9 * MILLISECOND) / 10);
    expect(clock.instructionsUntil(FAR, clock.now())).toBeLessThan((1.1 * MILLISECOND) / 10);
  });
  it('recovers when the host has stalled run after run', () => {
    const { clock, go } = runs(100, 10, 20 * MILLISECOND);
    expect(clock.instructionsUntil(FAR, clock.now())).toBeLessThan(1000);
    go(200, 10, 0);
    expect(clock.instructionsUntil(FAR, clock.now())).toBeGreaterThan((0.9 * MILLISECOND) / 10);
  });
  it('is not shaken by one short run', () => {
    const { clock } = runs(100, 10, 0);
    const before = clock.instructionsUntil(FAR, clock.now());
    const since = clock.now();
    clock.ran(3, since - 100_000);
    expect(clock.instructionsUntil(FAR, clock.now())).toBe(before);
  });
});

describe('glances at the host clock', () => {
  /** A host whose clock counts the looks at it, and instructions of 50 ns. */
  function glancing() {
    const host = { now: 0, looks: 0 };
    const r = new Int32Array(R_COUNT);
    const counter = new InstructionCounter(r);
    const look = (): number => (host.looks++, host.now);
    const clock = new HostClock(look, counter);
    counter.grant(1_000_000);
    const pass = (instructions: number, ns: number): void => {
      r[R_BUDGET]! -= instructions;
      host.now += ns;
    };
    return { clock, host, pass };
  }
  it('look seldom and stay near the time', () => {
    const { clock, host, pass } = glancing();
    const before = host.looks;
    for (let i = 0; i < 1000; i++) {
      pass(10, 500);
      expect(Math.abs(clock.glance() - host.now)).toBeLessThan(6000);
    }
    expect(host.looks - before).toBeLessThan(200);
  });
  it.each([5, 5000])('and looks never run backwards where an instruction takes %d ns', (ns) => {
    const { clock, pass } = glancing();
    let last = 0;
    for (let i = 0; i < 3000; i++) {
      pass(3, 3 * ns);
      const time = i % 7 === 0 ? clock.now() : clock.glance();
      expect(time).toBeGreaterThanOrEqual(last);
      last = time;
    }
  });
  it('follow a host that stood still between two of them, after some instructions', () => {
    const { clock, host, pass } = glancing();
    clock.glance();
    pass(1000, 1_000_000);
    expect(clock.glance()).toBe(host.now);
  });
});
