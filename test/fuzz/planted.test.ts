/** The fuzzer finds what it is for: bugs planted in a pass, in emission, in the order of effects, in the instruction count. */
import { describe, expect, it } from 'vitest';
import { fuzz } from './run.js';
import type { Plant } from './run.js';

/** The same cases pass without a plant: fuzz.test.ts. */
const CASES = ['--seed', '1', '--cases', '600'];

const PLANTS: Readonly<Record<string, Plant>> = {
  'dead flags: an access that may fault does not keep them': {
    file: '/jit/passes/dead-flags.js',
    from: 'return readsFlags(s.condition) || anySees(s.then) || anySees(s.else);',
    to: "return readsFlags(s.condition) || anySees(s.then) || anySees(s.else); case 'load': return readsFlags(s.address);",
  },
  'emission: an unsigned comparison takes equality for less': {
    file: '/jit/emit/flags.js',
    from: 'return js `${f.a} >>> 0 < ${f.b} >>> 0`',
    to: 'return js `${f.a} >>> 0 <= ${f.b} >>> 0`',
  },
  'emission: AH is read as AL': {
    file: '/jit/region/region-target.js',
    from: 'return register.high ? js `${name} >>> 8 & 255` : js `${name} & 255`',
    to: 'return js `${name} & 255`',
  },
  'fault precision: PUSH moves the stack pointer before the store': {
    file: '/jit/builder.js',
    from: 'this.store(width, this.stackLinear(top, width / 8, true), kept);\n        this.setStackPointer(top);',
    to: 'this.setStackPointer(top);\n        this.store(width, this.stackLinear(top, width / 8, true), kept);',
  },
  'fault precision: an access leaves the region one instruction late in the count': {
    file: '/jit/region/region-target.js',
    from: 'this.leaveAt(this.at.offset, this.at.remaining, kind, machines)',
    to: 'this.leaveAt(this.at.offset, this.at.remaining - 1, kind, machines)',
  },
  'mode switches: a region goes on behind MOV to CR0': {
    file: '/jit/region/placed.js',
    from: 'LGS MOVCR MOVDR',
    to: 'LGS MOVDR',
  },
};

describe('a planted bug is found and made small', () => {
  for (const [name, plant] of Object.entries(PLANTS)) {
    it(name, { timeout: 300_000 }, async () => {
      const { status, output } = await fuzz(CASES, plant);
      expect(output).toMatch(/DIFFERENCE at seed \d+/);
      expect(status).toBe(1);
      const found = JSON.parse(/^case: (.*)$/m.exec(output)![1]!) as { instructions: unknown[] };
      expect(found.instructions.length).toBeLessThanOrEqual(8);
    });
  }
  it('and a plant that does not match the source is an error, not a pass', async () => {
    const { output } = await fuzz(['--cases', '1'], {
      file: '/jit/builder.js',
      from: 'no such text',
      to: '',
    });
    expect(output).toMatch(/the text to replace is not exactly once/);
  });
});
