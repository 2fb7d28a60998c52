// Runs cases in engines by turns and collects samples; results are compared as they come.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BUILD } from './engines.mjs';
import { measure } from './measure.mjs';
import { median } from './statistics.mjs';
import { PIECES, countingGuest } from './suite.mjs';

/** CPU seconds that a native run should at least take, so that 1 ms of accounting does not matter. */
const NATIVE_SECONDS = 0.3;
const LEAST = 0.0005;

const digest = (text) => createHash('md5').update(text, 'latin1').digest('hex');

export class Runner {
  /** `engines`: name → engine of those that take part; `cases`: all chosen ones; `log(text)` is told what happens. */
  constructor(engines, cases, { timeoutSeconds, scale, log }) {
    this.engines = engines;
    this.cases = cases;
    this.timeoutSeconds = timeoutSeconds;
    this.scale = scale;
    this.log = log;
    this.failures = 0;
    this.empty = new Map();
    this.repeats = new Map();
    this.debianRuns = new Map();
  }

  /** One sample of one case in one engine, appended to `samples`; failures are logged and counted, the sample is left out. */
  async sample(group, test, name, round, samples) {
    try {
      const sample = await this.runners[test.kind](test, name, round);
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

  measure(command, settings) {
    return measure(command, { ...settings, timeoutSeconds: this.timeoutSeconds });
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

  /** Medians of the guest that only counts, which grow more certain with each round. */
  async emptyCost(name, paging) {
    const key = `${name} ${paging}`;
    const costs = this.empty.get(key) ?? [];
    this.empty.set(key, costs);
    if (costs.length < 3) {
      const { cpu, wall } = await this.measureKernel(countingGuest(paging), name, 1);
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

  async start(test, name) {
    const { cpu, wall } = await this.measureKernel(test.guest(), name);
    return { value: cpu, wall };
  }

  // CPU seconds until the guest's line stands in the pipe: the time to its first instruction and a millisecond.
  async first(test, name) {
    const command = this.engines[name].command({ ...test.guest(), until: undefined });
    const { cpu, wall } = await this.measure(command, { watch: ['RESULT'] });
    return { value: cpu, wall };
  }

  async idle(test, name) {
    const empty = await this.emptyCost(name, true);
    const { cpu, wall } = await this.measureKernel(test.guest(), name);
    return { value: Math.max((cpu - empty.cpu) / (wall - empty.wall), 0.0001), wall };
  }

  async span(test, name) {
    const { marks, output } = await this.measure(this.engines[name].command(test.guest()), {
      watch: ['BENCH-BEGIN', 'BENCH-END'],
    });
    const cpu = marks['BENCH-END'].cpu - marks['BENCH-BEGIN'].cpu;
    const wall = marks['BENCH-END'].wall - marks['BENCH-BEGIN'].wall;
    const value = test.figure === 'share' ? cpu / wall : cpu;
    return { value: Math.max(value, 0.0001), wall, result: /^RESULT (\d+)$/m.exec(output)?.[1] };
  }

  /** Boots once per round for the shell workload of a kernel and its pieces. */
  shellRun(test, name, round) {
    const key = `${round} ${test.kernel} ${name}`;
    if (!this.debianRuns.has(key)) {
      const watch = [...PIECES.map((piece) => `PIECE ${piece} begins`), 'BENCH-END'];
      const guest = test.guest();
      const run = this.measure(this.engines[name].command(guest), { watch, guestMegabytes: guest.megabytes });
      this.debianRuns.set(key, run);
    }
    return this.debianRuns.get(key);
  }

  async workload(test, name, round) {
    const { marks, output } = await this.shellRun(test, name, round);
    const results = output.match(/^RESULT [0-9a-f]{8}$/gm) ?? [];
    if (results.length !== PIECES.length) throw new Error(`${results.length} of ${PIECES.length} results`);
    const { cpu, wall, peak } = marks['BENCH-END'];
    return { value: test.figure === 'peak' ? peak : cpu, wall, result: digest(results.join()) };
  }

  async piece(test, name, round) {
    const { marks, output } = await this.shellRun(test, name, round);
    const next = PIECES[PIECES.indexOf(test.piece) + 1];
    const begin = marks[`PIECE ${test.piece} begins`];
    const end = marks[next === undefined ? 'BENCH-END' : `PIECE ${next} begins`];
    const result = new RegExp(`^PIECE ${test.piece} begins\\n(?:.*\\n)*?RESULT ([0-9a-f]{8})$`, 'm').exec(
      output,
    )?.[1];
    if (result === undefined) throw new Error(`no RESULT after 'PIECE ${test.piece} begins'`);
    return { value: Math.max(end.cpu - begin.cpu, LEAST), wall: end.wall - begin.wall, result };
  }

  /** Boots once per round for all chosen cases of a kernel, and to the end only if one of them needs it. */
  debianRun(test, name, round) {
    const key = `${round} ${test.kernel} ${name}`;
    if (!this.debianRuns.has(key)) {
      const whole = this.cases.some((other) => other.kernel === test.kernel && other.figure !== 'boot');
      const watch = whole ? ['BOOT-OK', 'WORKLOAD-END', 'ALL-DONE'] : ['BOOT-OK'];
      const guest = test.guest();
      const run = this.measure(this.engines[name].command(guest), { watch, guestMegabytes: guest.megabytes });
      this.debianRuns.set(key, run);
    }
    return this.debianRuns.get(key);
  }

  async debian(test, name, round) {
    const { marks, output } = await this.debianRun(test, name, round);
    if (test.figure === 'boot') return { value: marks['BOOT-OK'].cpu, wall: marks['BOOT-OK'].wall };
    const text = /^WORKLOAD-BEGIN\n(.*)^WORKLOAD-END$/ms.exec(output)?.[1] ?? '';
    test.expected ??= digest(readFileSync(`${BUILD}expected.txt`, 'latin1'));
    const { cpu, wall } = marks['ALL-DONE'];
    return { value: cpu, wall, result: digest(text) };
  }

  runners = {
    kernel: (test, name) => this.kernel(test, name),
    start: (test, name) => this.start(test, name),
    first: (test, name) => this.first(test, name),
    idle: (test, name) => this.idle(test, name),
    span: (test, name) => this.span(test, name),
    piece: (test, name, round) => this.piece(test, name, round),
    workload: (test, name, round) => this.workload(test, name, round),
    debian: (test, name, round) => this.debian(test, name, round),
  };
}
