// `--display curses` on a real terminal line (a pseudo-terminal by `script`), with xterm's engine as the terminal: it shows what the guest's
// screen says, follows a resize, types, and is as it was afterwards.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import xterm from '@xterm/headless';

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const read = (path) => (existsSync(path) ? readFileSync(path, 'latin1').trim() : '');

class Session {
  ended = false;
  /** Whether the alternate screen was ever shown. */
  drew = false;
  #child;

  /** `files` is a prefix of files for what the shell says. */
  constructor(command, files, columns, rows) {
    this.files = files;
    this.xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    const lines = [
      `stty rows ${rows} cols ${columns}`,
      `tty >${files}.tty`,
      `stty -g >${files}.before`,
      'printf "\\033[2J\\033[Hprompt\\n"',
      `sh -c 'echo $$ >${files}.pid; exec '${quote(command.map(quote).join(' '))}`,
      `echo $? >${files}.status`,
      `stty -g >${files}.after`,
    ];
    writeFileSync(`${files}.sh`, lines.join('\n'));
    this.#child = spawn('script', ['-q', '-f', '-c', `sh ${files}.sh`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.on('data', (data) => this.xterm.write(data));
    this.#child.on('exit', () => (this.ended = true));
    this.xterm.buffer.onBufferChange((buffer) => (this.drew ||= buffer.type === 'alternate'));
  }
  type(text) {
    this.#child.stdin.write(text);
  }
  resize(columns, rows) {
    this.xterm.resize(columns, rows);
    spawnSync('stty', ['-F', read(`${this.files}.tty`), 'rows', String(rows), 'cols', String(columns)]);
  }
  terminate() {
    process.kill(Number(read(`${this.files}.pid`)), 'SIGTERM');
  }
  get lines() {
    const { active } = this.xterm.buffer;
    const line = (y) =>
      active
        .getLine(active.viewportY + y)
        ?.translateToString(true)
        .trimEnd() ?? '';
    return Array.from({ length: this.xterm.rows }, (_, y) => line(y));
  }
  /** What is wrong after the end, '' when everything is as it was. */
  complaint(status) {
    if (read(`${this.files}.status`) !== String(status)) return `status ${read(`${this.files}.status`)}`;
    if (read(`${this.files}.before`) !== read(`${this.files}.after`)) return 'the line has other settings';
    if (!this.drew || this.xterm.buffer.active.type !== 'normal') return 'the alternate screen is left on';
    if (!this.xterm.modes.wraparoundMode) return 'the terminal does not wrap';
    return this.lines[0] === 'prompt' ? '' : `the screen says ${this.lines[0]}`;
  }
  close() {
    this.#child.kill('SIGKILL');
  }
}

/**
 * `command` runs guests/display's `keys` with `--display curses` and a monitor; `typed()` is what the guest said on the serial line,
 * `screen()` the monitor's `screen`, `until(what, condition)` waits.
 */
export async function checkTerminal({ command, typed, screen, until, files }) {
  const session = new Session(command, files, 80, 25);
  try {
    await until('DRAWN', () => typed().includes('DRAWN'));
    const text = (await screen()).slice(0, 25);
    const shows = (columns, rows) => {
      const part = text.slice(0, rows).map((line) => line.slice(0, columns).trimEnd());
      return session.lines.slice(0, rows).join('\n') === part.join('\n');
    };
    await until('the screen', () => shows(80, 25));
    session.resize(60, 12);
    await until('the smaller screen', () => shows(60, 12));
    session.resize(120, 40);
    await until('the larger screen', () => shows(80, 25));
    session.type('a\x1b[A');
    await until('the keys', () => /k1e \nk9e \n(.*\n)*ke0 \nk48 \nke0 \nkc8 \n/.test(typed()));
    session.type('\x01cinfo status\r');
    await until('the monitor', () => session.lines.some((line) => /VM status: running/.test(line)));
    session.type('\x01c');
    await until('the screen again', () => shows(80, 25));
    session.type('\x01x');
    await until('the end', () => session.ended);
    return session.complaint(0);
  } finally {
    session.close();
  }
}

/** The same, ended by SIGTERM. */
export async function checkTermination({ command, typed, until, files }) {
  const session = new Session(command, files, 80, 25);
  try {
    await until('DRAWN', () => typed().includes('DRAWN'));
    await until('the screen', () => session.drew);
    session.terminate();
    await until('the end', () => session.ended);
    return session.complaint(143);
  } finally {
    session.close();
  }
}
