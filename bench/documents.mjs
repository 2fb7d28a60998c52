// Puts measured tables into docs/performance.md, between its two marks, and the picture beside it.
import { readFileSync, writeFileSync } from 'node:fs';
import { ROOT } from './engines.mjs';
import { drawPicture } from './picture.mjs';
import { markdown } from './report.mjs';

const BEGIN = '<!-- bench: printed by npm run bench -->';
const END = '<!-- bench ends -->';

/** One line that says where figures come from. */
export const describe = ({ date, command, rounds, node, processor }) =>
  `${date}, \`${command}\`, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, Node ${node}, ${processor}`;

/** `text` with what stands between the marks replaced; throws if they are missing. */
export function replaceSection(text, section) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md: expected the lines '${BEGIN}' and '${END}'`);
  return `${text.slice(0, begin + BEGIN.length)}\n${section}\n${text.slice(end)}`;
}

/** `result` is what --json writes. */
export function writeDocuments({ circumstances, engines, groups }) {
  const file = `${ROOT}docs/performance.md`;
  const tables = markdown(groups, Object.keys(engines), engines);
  const section = `${describe(circumstances)}.\n\n![Means of the groups](bench.svg)\n\n${tables}`;
  writeFileSync(file, replaceSection(readFileSync(file, 'utf8'), section.trimEnd()));
  writeFileSync(`${ROOT}docs/bench.svg`, drawPicture(groups, describe(circumstances).replaceAll('`', '')));
}
