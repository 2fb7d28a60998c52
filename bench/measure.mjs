// Runs one process and tells what it cost: CPU seconds (user + system, all threads), wall seconds, output; and the same at chosen lines of its output.
// Linux only. The whole process is measured by bash's `time`, which reads what the kernel accounted to 1 ms; marks on the way come from /proc.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const MEASURED = `TIMEFORMAT='%3U %3S'; exec 4>&2; { time "$@" 2>&4 4>&- 3>&-; } 2>&3`;

// Fields 14 and 15 of proc(5)'s stat, counted behind the parenthesised name: steps of 10 ms, threads that ended included.
function accountedSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

// The scheduler's nanoseconds, of threads that still live.
function scheduledSeconds(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, part) => sum + part, 0) / 1e9;
}

function cpuSeconds(pid) {
  try {
    return Math.max(accountedSeconds(pid), scheduledSeconds(pid));
  } catch {
    return accountedSeconds(pid);
  }
}

/** Peak of resident megabytes so far. */
const peakMegabytes = (pid) =>
  Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;

/** What is resident of mappings that are as large as the guest's memory: those hold it. */
function residentGuest(pid, guestMegabytes) {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  let guest = 0;
  for (const mapping of mappings) {
    const size = Number(/^Size:\s*(\d+) kB/m.exec(mapping)?.[1]);
    if (size >= guestMegabytes * 1024) guest += Number(/^Rss:\s*(\d+) kB/m.exec(mapping)[1]);
  }
  return guest / 1024;
}

const childOf = (shell) => Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'latin1'));

// Process groups of their own: whatever ends this process, Ctrl-C too, has to end them as well.
const running = new Set();
process.on('exit', () => running.forEach((pid) => process.kill(-pid, 'SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

/**
 * Resolves to {cpu, wall, status, output, errors, marks}; seconds. `marks` maps each text of `watch` to {cpu, wall} when it first stood in the
 * output. With watched texts the process is ended after the last one, and cpu and wall are the last mark's; with `guestMegabytes` its mark
 * has the peak of memory beyond the guest's, in MB, too; the guest's is what was resident of it at the last but one, for the process may be ending.
 * Rejects when the process cannot start, or `timeoutSeconds` pass first.
 */
export function measure(command, { watch = [], guestMegabytes, timeoutSeconds }) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const shell = spawn('bash', ['-c', MEASURED, 'bash', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    if (shell.pid !== undefined) running.add(shell.pid);
    const marks = {};
    let output = '';
    let times = '';
    let errors = '';
    let timedOut = false;
    let guest = 0;
    const end = () => process.kill(-shell.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, timeoutSeconds * 1000);
    const look = () => {
      for (const text of watch) {
        if (marks[text] || !output.includes(text)) continue;
        const pid = childOf(shell.pid);
        const last = text === watch.at(-1);
        marks[text] = { cpu: cpuSeconds(pid), wall: (performance.now() - start) / 1000 };
        if (guestMegabytes && !last) guest = residentGuest(pid, guestMegabytes);
        if (guestMegabytes && last) marks[text].peak = peakMegabytes(pid) - guest;
        if (last) end();
      }
    };
    // A process that ended before it could be looked at is reported as one without the mark.
    const tryLook = () => {
      try {
        look();
      } catch {
        // The last line says how far it came.
      }
    };
    shell.stdout.on('data', (chunk) => {
      output += chunk.toString('latin1');
      tryLook();
    });
    shell.stderr.on('data', (chunk) => (errors += chunk));
    shell.stdio[3].on('data', (chunk) => (times += chunk));
    shell.on('error', reject);
    shell.on('close', (status) => {
      clearTimeout(timer);
      running.delete(shell.pid);
      if (timedOut) return reject(new Error(`not finished after ${timeoutSeconds} s`));
      const last = marks[watch.at(-1)];
      const [user, system] = times.trim().split(' ').map(Number);
      const wall = (performance.now() - start) / 1000;
      output = output.replaceAll('\r', '');
      if (watch.length > 0 && !last) {
        const line = (output + errors).trimEnd().split('\n').at(-1);
        return reject(new Error(`no '${watch.at(-1)}' in the output; last line: ${line}`));
      }
      resolve({ ...(last ?? { cpu: user + system, wall }), status, output, errors, marks });
    });
  });
}
