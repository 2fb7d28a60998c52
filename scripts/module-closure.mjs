// Prints the files of kernel modules and of what they depend on, in an order in which insmod takes them.
// usage: module-closure.mjs DIRECTORY MODULE...   with DIRECTORY as lib/modules/VERSION/kernel
// Packages hold no modules.dep; each module names its dependencies in its .modinfo section.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const [directory, ...wanted] = process.argv.slice(2);
if (wanted.length === 0) {
  console.error('usage: module-closure.mjs DIRECTORY MODULE...');
  process.exit(1);
}
const plain = (name) => name.replaceAll('-', '_');
const files = new Map(
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ko'))
    .map((name) => [plain(basename(name, '.ko')), join(directory, name)]),
);

/** Values of one key of a module's .modinfo section, which is NUL-terminated `key=value` texts. */
function information(file, key) {
  const text = readFileSync(file, 'latin1');
  return [...text.matchAll(new RegExp(`\\0${key}=([^\\0]*)`, 'g'))].map((match) => match[1]);
}

const order = new Set();
function visit(name, why) {
  const file = files.get(plain(name));
  if (file === undefined) throw new Error(`no module ${name}${why}`);
  if (order.has(file)) return;
  const needs = information(file, 'depends')
    .flatMap((list) => list.split(','))
    .filter((other) => other !== '');
  // Soft dependencies are algorithms the kernel would ask modprobe for.
  const soft = information(file, 'softdep').flatMap(
    (text) => /^pre: (.*)/.exec(text)?.[1].split(/\s+/) ?? [],
  );
  for (const other of needs) visit(other, `, which ${name} depends on`);
  for (const other of soft) if (files.has(plain(other))) visit(other, '');
  order.add(file);
}

try {
  for (const name of wanted) visit(name, '');
  for (const file of order) console.log(file);
} catch (error) {
  console.error(`module-closure.mjs: ${error.message}`);
  process.exitCode = 1;
}
