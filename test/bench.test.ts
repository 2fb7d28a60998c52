/** The arithmetic and the tables of the benchmark command, and its answers to bad usage. Nothing is measured here. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const load = (name: string) => import(`${ROOT}bench/${name}`);
const { geometricMean, median } = await load('statistics.mjs');
const { overviewTable, groupTable, slowerCases, summarise, verdict } = await load('report.mjs');
const { replaceSection } = await load('documents.mjs');

const samples = (...values: number[]) => values.map((value) => ({ value, wall: value }));
const GROUP = {
  id: 'g',
  title: 'group',
  reference: 'native',
  required: 5,
  aim: 3.5,
  cases: [
    { name: 'one', expected: 'a', samples: { native: samples(1, 3, 2), hvm: samples(9, 4, 5) } },
    { name: 'two', expected: 'b', samples: { native: samples(1), hvm: samples(10) } },
    { name: 'three', expected: 'c', samples: { native: samples(1), hvm: [] } },
  ],
};
const NAMES = ['native', 'hvm'];
const TITLES = { native: 'native', hvm: 'hvm' };

describe('statistics', () => {
  it('takes the middle, or the mean of the two middle ones', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });
  it('means ratios geometrically', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4);
    expect(geometricMean([])).toBeUndefined();
  });
});

describe('summary', () => {
  const [summary] = summarise([GROUP], NAMES);
  it('divides medians by the reference', () => {
    expect(summary.cases[0].engines.hvm).toMatchObject({ value: 5, ratio: 2.5, range: [4, 9] });
  });
  it('leaves a case that an engine failed out of every mean', () => {
    expect(summary.means.hvm).toBeCloseTo(Math.sqrt(2.5 * 10));
    expect(summary.means.native).toBeCloseTo(1);
  });
  it('shows the targets beside the means', () => {
    expect(overviewTable([summary], NAMES, TITLES).split('\n').at(-1)).toBe(
      '| group | × native | ≤ 5 | ≤ 3.5 | 1.00 | 5.00 | required |',
    );
  });
  it('says which target was reached, with a tenth for noise', () => {
    const reached = (hvm: number) => verdict({ required: 5, aim: 3.5, means: { hvm } });
    expect([3.8, 5.4, 6].map(reached)).toEqual(['aim', 'required', 'missed × 1.20']);
    expect(verdict({ means: { hvm: 1 } })).toBe('');
  });
  it('shows ratios in brackets and gaps as gaps', () => {
    const rows = groupTable(summary, NAMES, TITLES).split('\n');
    expect(rows.slice(2)).toEqual([
      '| one | 2.00 | 5.00 (2.50) | 2.00 / 5.00 |',
      '| two | 1.00 | 10.00 (10.0) | 1.00 / 10.0 |',
      '| three | 1.00 | – | 1.00 / – |',
      '| **geometric mean** |  | (5.00) |  |',
    ]);
  });
});

describe('comparison', () => {
  it('names what is slower beyond the noise', () => {
    const cases = [
      { name: 'noise', samples: { hvm: samples(1.05), v86: samples(1) } },
      { name: 'slow', samples: { hvm: samples(1.2), v86: samples(1) } },
      { name: 'missing', samples: { hvm: samples(9) } },
    ];
    expect(slowerCases(summarise([{ id: 'g', cases }], ['hvm', 'v86']), 'hvm', 'v86')).toEqual(['g/slow']);
  });
});

describe('documents', () => {
  it('replaces what stands between the marks and nothing else', () => {
    const [begin, end] = ['<!-- bench: printed by npm run bench -->', '<!-- bench ends -->'];
    expect(replaceSection(`a\n${begin}\nold\n${end}\nb`, 'new')).toBe(`a\n${begin}\nnew\n${end}\nb`);
    expect(() => replaceSection('a', 'new')).toThrow(/expected the lines/);
  });
});

describe('command', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [`${ROOT}bench/run.mjs`, ...args], { encoding: 'utf8' });
  it.each([
    [['--rounds', '0'], "--rounds '0': expected a positive number"],
    [['--only', 'nothing'], "--only 'nothing': expected groups or cases"],
    [['--engines', 'bochs'], "--engines 'bochs': expected some of"],
    [['--from', '/nowhere'], "--from '/nowhere': expected a file"],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('%j', (args, message) => {
    const { status, stderr } = run(...args);
    expect(stderr.trim().split('\n').at(-1)).toContain(`bench: ${message}`);
    expect(status).toBe(2);
  });
});
