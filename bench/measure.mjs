// Runs one process and tells what it cost: CPU seconds (user + system, all threads), wall seconds, output; and the same at chosen lines of its output.
// Linux only. The whole process is measured by bash's `time`, which reads what the kernel accounted to 1 ms; marks on the way come from /proc.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const MEASURED = `TIMEFORMAT='%3U %3S'; exec 4>&2; { time "$@" 2>&4 4>&- 3>&-; } 2>&3`;

// Fields 14 and 15 of proc(5)'s stat, counted behind the parenthesised name; threads that ended are included. Steps of 10 ms.
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function peakMegabytes(pid) {
  const match = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(match?.[1] ?? 0) / 1024;
}

const childOf = (shell) => Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'latin1'));

/**
 * Resolves to {cpu, wall, status, output, marks}; seconds. `marks` maps each text of `watch` to {cpu, wall, peak (MB)} when it first stood
 * in the output. With watched texts the process is ended after the last one, and cpu and wall are the last mark's.
 * Rejects when the process cannot start, or `timeoutSeconds` pass first.
 */
export function measure(command, { watch = [], timeoutSeconds }) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const shell = spawn('bash', ['-c', MEASURED, 'bash', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const marks = {};
    let output = '';
    let times = '';
    let errors = '';
    let timedOut = false;
    const end = () => process.kill(-shell.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, timeoutSeconds * 1000);
    const look = () => {
      for (const text of watch) {
        if (marks[text] || !output.includes(text)) continue;
        const pid = childOf(shell.pid);
        const wall = (performance.now() - start) / 1000;
        marks[text] = { cpu: cpuSeconds(pid), wall, peak: peakMegabytes(pid) };
        if (text === watch.at(-1)) end();
      }
    };
    shell.stdout.on('data', (chunk) => {
      output += chunk.toString('latin1');
      look();
    });
    shell.stderr.on('data', (chunk) => (errors += chunk));
    shell.stdio[3].on('data', (chunk) => (times += chunk));
    shell.on('error', reject);
    shell.on('close', (status) => {
      clearTimeout(timer);
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
