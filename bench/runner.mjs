// Runs cases in engines by turns and collects samples; results are compared as they come.
import { measure } from './measure.mjs';
import { median } from './statistics.mjs';
import { emptyGuest } from './suite.mjs';

/** CPU seconds that a native run should at least take, so that 1 ms of accounting does not matter. */
const NATIVE_SECONDS = 0.3;
const LEAST = 0.0005;

export class Runner {
  /** `engines`: name → engine of those that take part; `log(text)` is told what happens. */
  constructor(engines, { timeoutSeconds, scale, log }) {
    this.engines = engines;
    this.timeoutSeconds = timeoutSeconds;
    this.scale = scale;
    this.log = log;
    this.failures = 0;
    this.empty = new Map();
    this.repeats = new Map();
  }

  /** One sample of one case in one engine, appended to `samples`; failures are logged and counted, the sample is left out. */
  async sample(group, test, name, samples) {
    try {
      const sample = await this.runners[test.kind](test, name);
      this.compare(test, sample.result);
      samples.push(sample);
      this.log(`${group.id} ${test.name}, ${name}: ${sample.value.toFixed(3)}`);
    } catch (error) {
      this.failures++;
      this.log(`${group.id} ${test.name}, ${name} FAILED: ${error.message}`);
    }
  }

  compare(test, result) {
    if (result === undefined) return;
    test.expected ??= result;
    if (result !== test.expected) throw new Error(`result ${result}, elsewhere ${test.expected}`);
  }

  measure(command, watch) {
    return measure(command, { watch, timeoutSeconds: this.timeoutSeconds });
  }

  async measureKernel(guest, name, repeats) {
    const run = await this.measure(this.engines[name].command(guest, repeats));
    const result = /^RESULT ([0-9a-f]{8})$/m.exec(run.output)?.[1];
    if (result === undefined) {
      throw new Error(
        `status ${run.status}, no RESULT; ${(run.output + run.errors).trimEnd().split('\n').at(-1)}`,
      );
    }
    return { ...run, result };
  }

  /** Medians of the empty guest, which grow more certain with each round. */
  async emptyCost(name, paging) {
    const key = `${name} ${paging}`;
    const costs = this.empty.get(key) ?? [];
    this.empty.set(key, costs);
    if (costs.length < 3) {
      const { cpu, wall } = await this.measureKernel(emptyGuest(paging), name, 1);
      costs.push({ cpu, wall });
    }
    return { cpu: median(costs.map((cost) => cost.cpu)), wall: median(costs.map((cost) => cost.wall)) };
  }

  async native(test) {
    const guest = test.guest(this.scale);
    const repeats = this.repeats.get(guest.append) ?? 1;
    const run = await this.measureKernel(guest, 'native', repeats);
    if (repeats === 1 && run.cpu < NATIVE_SECONDS / 2) {
      this.repeats.set(guest.append, Math.ceil(NATIVE_SECONDS / Math.max(run.cpu, 0.003)));
      return this.native(test);
    }
    return { ...run, cpu: run.cpu / repeats, wall: run.wall / repeats };
  }

  async kernel(test, name) {
    if (name === 'native') {
      const { cpu, wall, result } = await this.native(test);
      return { value: cpu, wall, result };
    }
    const empty = await this.emptyCost(name, test.paging);
    const run = await this.measureKernel(test.guest(this.scale), name);
    return {
      value: Math.max(run.cpu - empty.cpu, LEAST),
      wall: Math.max(run.wall - empty.wall, LEAST),
      result: run.result,
    };
  }

  runners = {
    kernel: (test, name) => this.kernel(test, name),
  };
}
