// The measured samples as data, and as Markdown tables.
import { geometricMean, median } from './statistics.mjs';

/** Medians, ratios to the group's reference and their geometric means: plain data, what --json writes. */
export function summarise(groups, engineNames) {
  return groups.map(({ id, title, unit, reference, required, aim, cases }) => {
    const rows = cases.map(({ name, expected, samples }) => ({
      name,
      result: expected,
      engines: Object.fromEntries(
        engineNames
          .filter((engine) => samples[engine]?.length > 0)
          .map((engine) => [engine, summariseSamples(samples[engine])]),
      ),
    }));
    for (const row of rows) addRatios(row, reference);
    return { id, title, unit, reference, required, aim, means: means(rows, engineNames), cases: rows };
  });
}

function summariseSamples(samples) {
  const values = samples.map((sample) => sample.value);
  return {
    value: median(values),
    range: [Math.min(...values), Math.max(...values)],
    wall: median(samples.map((sample) => sample.wall)),
    samples: values,
  };
}

function addRatios(row, reference) {
  const base = reference === undefined ? 1 : row.engines[reference]?.value;
  if (base === undefined) return;
  for (const figures of Object.values(row.engines)) figures.ratio = figures.value / base;
}

// All means are over the same cases: those that every engine of the group has a figure for.
function means(rows, engineNames) {
  const taking = engineNames.filter((engine) => rows.some((row) => row.engines[engine]?.ratio !== undefined));
  const common = rows.filter((row) => taking.every((engine) => row.engines[engine]?.ratio !== undefined));
  if (common.length === 0) return {};
  return Object.fromEntries(
    taking.map((engine) => [engine, geometricMean(common.map((row) => row.engines[engine].ratio))]),
  );
}

const figure = (number) => {
  if (number === undefined) return '';
  if (number >= 100) return number.toFixed(0);
  return number >= 9.995 ? number.toFixed(1) : number.toFixed(2);
};
const line = (cells) => `| ${cells.join(' | ')} |`;
const ruler = (texts, numbers) =>
  `|${[...Array(texts).fill('---'), ...Array(numbers).fill('---:')].join('|')}|`;
const titlesOf = (names, titles) => names.map((name) => titles[name]);

/** How hvm's mean stands to the targets, with the tenth that noise is allowed. */
export function verdict({ required, aim, means }) {
  if (required === undefined || means.hvm === undefined) return '';
  if (means.hvm <= 1.1 * aim) return 'aim';
  return means.hvm <= 1.1 * required ? 'required' : `missed × ${figure(means.hvm / required)}`;
}

/** hvm's mean against its targets, one row per group. */
export function overviewTable(summary, engineNames, titles) {
  const rows = summary.map((group) => {
    const reference = group.reference ? `× ${titles[group.reference]}` : (group.unit ?? 's');
    const means = engineNames.map((engine) => figure(group.means[engine]));
    const limits = [group.required, group.aim].map((limit) => (limit === undefined ? '' : `≤ ${limit}`));
    return line([group.title, reference, ...limits, ...means, verdict(group)]);
  });
  const head = line(['group', 'figures', 'required', 'aim', ...titlesOf(engineNames, titles), 'reached']);
  return [head, `${ruler(2, 2 + engineNames.length)}---|`, ...rows].join('\n');
}

/** One row per case: medians, ratios to the reference in brackets, and what passed on the wall meanwhile. */
export function groupTable(group, engineNames, titles) {
  const names = engineNames.filter((engine) => group.cases.some((row) => row.engines[engine]));
  const cell = (figures, engine) => {
    if (figures === undefined) return '–';
    const plain = group.reference === undefined || engine === group.reference || figures.ratio === undefined;
    const digits = figures.value < 1 ? 3 : 2;
    const value = figures.value.toFixed(digits);
    return plain ? value : `${value} (${figure(figures.ratio)})`;
  };
  const wall = (row) => names.map((engine) => figure(row.engines[engine]?.wall) || '–').join(' / ');
  const rows = group.cases.map((row) =>
    line([row.name, ...names.map((engine) => cell(row.engines[engine], engine)), wall(row)]),
  );
  const mean = line([
    '**geometric mean**',
    ...names.map((engine) => (group.reference === engine ? '' : `(${figure(group.means[engine])})`)),
    '',
  ]);
  const head = line([group.title, ...titlesOf(names, titles), 'wall seconds of the same']);
  const last = group.cases.length > 1 && group.reference ? [mean] : [];
  return [head, ruler(1, names.length + 1), ...rows, ...last].join('\n');
}

/** Names of the cases in which `engine` needs more than `other`, by more than the noise of a tenth. */
export function slowerCases(summary, engine, other) {
  return summary.flatMap((group) =>
    group.cases
      .filter((row) => row.engines[engine]?.value > 1.1 * row.engines[other]?.value)
      .map((row) => `${group.id}/${row.name}`),
  );
}

export function markdown(summary, engineNames, titles) {
  const parts = [overviewTable(summary, engineNames, titles)];
  if (engineNames.includes('hvm') && engineNames.includes('v86')) {
    const slower = slowerCases(summary, 'hvm', 'v86');
    parts.push(`Slower than v86 by more than a tenth: ${slower.join(', ') || 'none'}.`);
  }
  for (const group of summary) parts.push(groupTable(group, engineNames, titles));
  return `${parts.join('\n\n')}\n`;
}
