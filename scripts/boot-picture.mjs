// Boots the Debian guest and draws what it printed as docs/boot.svg: beginning, the step into user space and the end; nothing is retouched
// but long lines are cut and left-out ones counted.
// usage: boot-picture.mjs [--kernel 686] [--log FILE --stats FILE]
//   --log, --stats   draw the serial output and statistics of an earlier run instead of booting
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = 'guests/build/';
const WIDTH = 100;
const LINE_HEIGHT = 17,
  CHARACTER_WIDTH = 7.83,
  MARGIN = 14;
/** Lines shown at the beginning, around BOOT-OK, and at the end. */
const HEAD = 5,
  BEFORE = 4,
  AFTER = 12,
  TAIL = 6;
const COLOURS = { command: '#7ee787', note: '#8b949e', text: '#d0d7de', mark: '#ffa657' };

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', default: '686' },
    log: { type: 'string' },
    stats: { type: 'string' },
  },
});

const command = [
  ...['run', '--kernel', `${BUILD}vmlinuz-${options.kernel}`, '--initrd', `${BUILD}initramfs.cpio.gz`],
  ...['--append', 'console=ttyS0', '--memory', '256M'],
];

function boot() {
  const scratch = mkdtempSync(join(tmpdir(), 'hvm-boot-'));
  const stats = join(scratch, 'stats.json');
  const settings = ['--engine', 'jit', '--clock', 'virtual', '--no-reboot', '--stats', stats];
  try {
    const result = spawnSync(process.execPath, ['bin/hvm.js', ...command, ...settings], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'latin1',
      maxBuffer: 1 << 26,
    });
    if (result.status !== 0) throw new Error(`the guest ended with status ${result.status}`);
    return { log: result.stdout, stats: readFileSync(stats, 'utf8') };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const earlier = () => ({
  log: readFileSync(options.log, 'latin1'),
  stats: readFileSync(options.stats, 'utf8'),
});

function chooseLines(log) {
  const lines = log.replaceAll('\r', '').trimEnd().split('\n');
  const middle = lines.indexOf('BOOT-OK');
  if (middle < 0) throw new Error('the guest printed no BOOT-OK');
  const shown = [
    [0, HEAD],
    [middle - BEFORE, middle + AFTER],
    [lines.length - TAIL, lines.length],
  ];
  return shown.flatMap(([from, to], i) => {
    const part = lines
      .slice(from, to)
      .map((text) => ({ text, colour: /^[A-Z]+-[A-Z]+$/.test(text) ? 'mark' : 'text' }));
    const left = i === 0 ? 0 : from - shown[i - 1][1];
    return left > 0 ? [{ text: `    ... ${left} lines ...`, colour: 'note' }, ...part] : part;
  });
}

function summary(stats) {
  const { engine, instructions, translatedShare, ended, status } = JSON.parse(stats);
  const share = (translatedShare * 100).toFixed(1);
  const count = (instructions / 1e9).toFixed(2);
  return `    [${ended}, status ${status}; ${count} billion instructions, engine ${engine}, ${share} % of them in translated regions]`;
}

function cut(text) {
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text;
}

const escapeText = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function draw(lines) {
  const width = Math.ceil(WIDTH * CHARACTER_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const rows = lines.map(({ text, colour }, i) => {
    const y = MARGIN + (i + 0.8) * LINE_HEIGHT;
    return `<text x="${MARGIN}" y="${y.toFixed(1)}" fill="${COLOURS[colour]}" xml:space="preserve">${escapeText(cut(text))}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    '<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="13">',
    ...rows,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function main() {
  const { log, stats } = options.log ? earlier() : boot();
  const typed = [
    `$ node bin/hvm.js ${command.slice(0, 5).join(' ')} \\`,
    `    ${command.slice(5).join(' ')}`,
  ];
  const lines = [
    ...typed.map((text) => ({ text, colour: 'command' })),
    ...chooseLines(log),
    { text: summary(stats), colour: 'note' },
  ];
  writeFileSync(`${ROOT}docs/boot.svg`, draw(lines));
}

main();
