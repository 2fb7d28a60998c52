/** One writer per image: refused while the holder lives, taken over when it is gone, left alone when that cannot be known. */
import { spawn } from 'node:child_process';
import { existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { lockImage } from '../../src/cli/host/image-lock.js';
import { Scratch } from './hvm.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MODULE = fileURLToPath(new URL('../../dist/cli/host/image-lock.js', import.meta.url));

/** A process that takes the lock, says so, and then does `after`. */
async function other(image: string, after: string): Promise<{ said: string; kill: () => Promise<unknown> }> {
  const program = `import { lockImage } from ${JSON.stringify(MODULE)};
    try { lockImage(${JSON.stringify(image)}); console.log('locked'); } catch (error) { console.log(error.message); }
    ${after}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = new Promise((resolve) => child.on('exit', resolve));
  const said = await new Promise<string>((resolve) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.on('exit', () => resolve('nothing'));
  });
  const kill = (): Promise<unknown> => {
    child.kill('SIGKILL');
    return exit;
  };
  return { said, kill };
}
const WAIT = 'setInterval(() => {}, 1000);';

it('refuses a second writer, by whatever name, and lets the next one in', async () => {
  const image = scratch.write('a.img', 'x');
  symlinkSync(image, join(scratch.path, 'alias'));
  const lock = lockImage(image);
  linkSync(image, join(scratch.path, 'second.img'));
  for (const name of ['alias', 'second.img'])
    expect(() => lockImage(join(scratch.path, name))).toThrow(/in use for writing by process \d+/);
  expect(existsSync(join(scratch.path, 'second.img.hvm-lock'))).toBe(false);
  expect((await other(image, '')).said).toMatch(new RegExp(`in use for writing by process ${process.pid}$`));
  lock.release();
  expect(existsSync(`${image}.hvm-lock`)).toBe(false);
  const next = await other(image, '');
  expect(next.said).toBe('locked');
  await next.kill();
  lockImage(image).release();
});

it('takes over from a process that was killed', async () => {
  const image = scratch.write('b.img', 'x');
  const holder = await other(image, WAIT);
  expect(holder.said).toBe('locked');
  expect(() => lockImage(image)).toThrow(/in use/);
  await holder.kill();
  expect(existsSync(`${image}.hvm-lock`)).toBe(true);
  lockImage(image).release();
  expect(existsSync(`${image}.hvm-lock.break`)).toBe(false);
});

it('knows a process number that was used again by its start time, and another boot', () => {
  const image = scratch.write('c.img', 'x');
  const path = `${image}.hvm-lock`;
  const lock = lockImage(image);
  const ours = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  lock.release();
  for (const change of [{ start: '1' }, { boot: 'another' }, { pid: 2 ** 22 + 1 }]) {
    writeFileSync(path, JSON.stringify({ ...ours, ...change }));
    lockImage(image).release();
  }
  for (const change of [{ host: 'elsewhere' }, { namespace: 'pid:[1]' }]) {
    writeFileSync(path, JSON.stringify({ ...ours, ...change }));
    expect(() => lockImage(image)).toThrow(/in use for writing/);
  }
  writeFileSync(path, 'nonsense');
  lockImage(image).release();
});

it('gives the lock to one of many that find a stale one', async () => {
  const image = scratch.write('d.img', 'x');
  await (await other(image, WAIT)).kill();
  const rivals = await Promise.all(Array.from({ length: 4 }, () => other(image, WAIT)));
  expect(rivals.filter(({ said }) => said === 'locked')).toHaveLength(1);
  await Promise.all(rivals.map((rival) => rival.kill()));
});
