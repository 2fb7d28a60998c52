// Draws a summary as SVG: per group a bar for each engine's mean on a logarithmic scale, whiskers for the range of the cases, ticks for the targets.
// Groups with the same figures (× native, × QEMU, seconds, ...) share a panel and its scale.
const WIDTH = 960;
const LEFT = 420,
  RIGHT = 70,
  MARGIN = 16;
const BAR = 13,
  GAP = 12,
  HEAD = 40;
const COLOURS = {
  hvm: '#7ee787',
  interpreter: '#3f8f4d',
  v86: '#ffa657',
  qemu: '#79c0ff',
  native: '#8b949e',
  text: '#d0d7de',
  faint: '#30363d',
  target: '#ff7b72',
};

const escapeText = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const text = (x, y, content, fill, anchor = 'start') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${fill}" text-anchor="${anchor}">${escapeText(content)}</text>`;
const rectangle = (x, y, width, height, fill) =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(width, 1).toFixed(1)}" height="${height}" fill="${fill}"/>`;

const panelOf = (group) => (group.reference ? `× ${group.reference}` : (group.unit ?? 's'));

/** What the bars of a group are: the engines that have a mean and are not the reference itself. */
const barsOf = (group) =>
  Object.entries(group.means)
    .filter(([engine]) => engine !== group.reference)
    .map(([engine, mean]) => {
      const ratios = group.cases.map((row) => row.engines[engine]?.ratio).filter((ratio) => ratio > 0);
      return { engine, mean, low: Math.min(...ratios), high: Math.max(...ratios) };
    });

function scaleOf(groups) {
  const numbers = groups.flatMap((group) => [
    ...barsOf(group).flatMap(({ mean, low, high }) => [mean, low, high]),
    ...[group.required, group.aim].filter((limit) => limit !== undefined),
    ...(group.reference ? [1] : []),
  ]);
  const low = Math.floor(Math.log10(Math.min(...numbers)) - 0.05);
  const high = Math.ceil(Math.log10(Math.max(...numbers)) + 0.05);
  const x = (value) => LEFT + ((Math.log10(value) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const powers = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { x, low: 10 ** low, powers };
}

function drawGroup(group, scale, y) {
  const bars = barsOf(group);
  const bottom = y + bars.length * BAR;
  const parts = [text(LEFT - 88, y + BAR - 3, group.title, COLOURS.text, 'end')];
  bars.forEach(({ engine, mean, low, high }, i) => {
    const top = y + i * BAR;
    const middle = top + BAR / 2 - 1;
    parts.push(text(LEFT - 8, top + BAR - 3, engine, COLOURS[engine], 'end'));
    parts.push(rectangle(LEFT, top, scale.x(mean) - LEFT, BAR - 3, COLOURS[engine]));
    if (high > low)
      parts.push(rectangle(scale.x(low), middle, scale.x(high) - scale.x(low), 1, COLOURS.text));
    parts.push(text(scale.x(Math.max(mean, high)) + 5, top + BAR - 3, mean.toPrecision(3), COLOURS.text));
  });
  for (const limit of [group.required, group.aim]) {
    if (limit !== undefined) parts.push(rectangle(scale.x(limit), y - 3, 2, bottom - y + 3, COLOURS.target));
  }
  return { svg: parts.join('\n'), bottom };
}

function drawPanel(name, groups, start) {
  const scale = scaleOf(groups);
  const parts = [text(MARGIN, start + 14, name, COLOURS.text)];
  let y = start + HEAD;
  const drawn = groups.map((group) => {
    const { svg, bottom } = drawGroup(group, scale, y);
    y = bottom + GAP;
    return svg;
  });
  for (const power of scale.powers) {
    parts.push(rectangle(scale.x(power), start + 20, 1, y - start - 24, COLOURS.faint));
    parts.push(
      text(scale.x(power), start + 14, String(Number(power.toPrecision(1))), COLOURS.text, 'middle'),
    );
  }
  return { svg: [...parts, ...drawn].join('\n'), bottom: y };
}

/** `summary` as report.mjs makes it. */
export function drawPicture(summary, caption) {
  const panels = new Map();
  for (const group of summary) {
    if (barsOf(group).length > 0) panels.set(panelOf(group), [...(panels.get(panelOf(group)) ?? []), group]);
  }
  let y = MARGIN + 14;
  const body = [text(MARGIN, y, caption, COLOURS.native)];
  y += 12;
  for (const [name, groups] of panels) {
    const { svg, bottom } = drawPanel(name, groups, y);
    body.push(svg);
    y = bottom + GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}">`,
    `<rect width="${WIDTH}" height="${y}" rx="8" fill="#0d1117"/>`,
    '<g font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="11">',
    ...body,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}
