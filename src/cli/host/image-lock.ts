/**
 * One writer per disk image, across processes. Node offers no file locks, so the right to write is a file beside the image, `NAME.hvm-lock`, that
 * appears together with its content (a hard link) and says who holds it: process number and start time, boot, process namespace and host. A lock
 * whose holder is certainly gone is taken over; while that happens `NAME.hvm-lock.break` keeps others from doing the same. As a file may have several
 * names, a second lock is in the directory for temporary files, under the image's device and inode numbers; where one of the two directories cannot be
 * written to, the other lock has to do.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';

interface Holder {
  readonly host: string;
  /** Boot and process namespace: a process number means something only inside them. */
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  /** Start time of the process in clock ticks after boot; a later process with this number has another one. */
  readonly start: string;
}

export interface ImageLock {
  release(): void;
}
/** Why there is no lock: a phrase for a message. */
export class LockRefused extends Error {}

const ATTEMPTS = 50;
/** Position of the start time among the fields after the process name. */
const STARTED = 19;
/** What file systems without hard links answer. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Field 22 of /proc/PID/stat; empty where there is no such file system or no such process, or only what its parent has not buried yet. */
function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? '' : (fields[STARTED] ?? '');
}

function namespaceOf(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function ourselves(): Holder {
  return {
    host: os.hostname(),
    boot: textOf('/proc/sys/kernel/random/boot_id').trim(),
    namespace: namespaceOf(),
    pid: process.pid,
    start: startOf(process.pid),
  };
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Only what can be judged from here counts as gone. */
function isGone(holder: Holder, us: Holder): boolean {
  if (holder.host !== us.host) return false;
  if (holder.boot !== us.boot) return true;
  if (holder.namespace !== us.namespace) return false;
  if (!processExists(holder.pid)) return true;
  return us.start !== '' && startOf(holder.pid) !== holder.start;
}

function holderIn(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(fs.readFileSync(path, 'utf8')) as Partial<Holder> | null;
    return typeof holder?.pid === 'number' && typeof holder.host === 'string'
      ? (holder as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Makes `path` appear with its content; false when it is there already. */
function appear(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}`;
  try {
    fs.writeFileSync(draft, content);
    try {
      fs.linkSync(draft, path);
    } catch (error) {
      if (!NO_LINKS.has(codeOf(error))) throw error;
      fs.writeFileSync(path, content, { flag: 'wx' });
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** Replaces a lock whose holder is gone. Returns false when somebody else is at it or it has changed. */
function takeOver(path: string, us: Holder): boolean {
  const breaker = `${path}.break`;
  const content = JSON.stringify(us);
  if (!appear(breaker, content)) {
    const other = holderIn(breaker);
    if (other === undefined || isGone(other, us)) fs.rmSync(breaker, { force: true });
    return false;
  }
  try {
    const holder = holderIn(path);
    if (holder !== undefined && !isGone(holder, us)) return false;
    const draft = `${path}.${process.pid}`;
    fs.writeFileSync(draft, content);
    fs.renameSync(draft, path);
    return true;
  } finally {
    fs.rmSync(breaker, { force: true });
  }
}

function acquire(path: string): void {
  const us = ourselves();
  for (let i = 0; i < ATTEMPTS; i++) {
    if (appear(path, JSON.stringify(us))) return;
    const holder = holderIn(path);
    if (holder !== undefined && !isGone(holder, us)) {
      const where = holder.host === us.host ? '' : ` on ${holder.host}`;
      throw new LockRefused(`is in use for writing by process ${holder.pid}${where}`);
    }
    if (fs.existsSync(path) && takeOver(path, us)) return;
  }
  throw new LockRefused(`cannot be locked: ${path} keeps changing`);
}

const UNWRITABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOSPC',
]);

/** Locks at all of these paths whose directories can be written to; throws when there is none. */
function acquireAll(paths: readonly string[]): string[] {
  const taken: string[] = [];
  let failure: unknown;
  try {
    for (const path of paths) {
      try {
        acquire(path);
        taken.push(path);
      } catch (error) {
        if (!UNWRITABLE.has(codeOf(error))) throw error;
        failure = error;
      }
    }
    if (taken.length === 0) throw failure;
    return taken;
  } catch (error) {
    for (const path of taken) fs.rmSync(path, { force: true });
    throw error;
  }
}

/** Throws LockRefused while another process, or this one, writes the image, by whatever name; file system errors pass through. */
export function lockImage(image: string): ImageLock {
  const { dev, ino } = fs.statSync(image, { bigint: true });
  const byName = `${fs.realpathSync(image)}.hvm-lock`;
  const paths = acquireAll([byName, join(os.tmpdir(), `hvm-lock-${dev}-${ino}`)]);
  const release = (): void => {
    process.off('exit', release);
    for (const path of paths) fs.rmSync(path, { force: true });
  };
  process.on('exit', release);
  return { release };
}
