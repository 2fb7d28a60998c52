// Writes a gzipped newc cpio archive from a list of entries, so that device nodes need no root and no cpio program.
// usage: make-initramfs.mjs OUTPUT ENTRY...   with entries
//   dir:/PATH   link:/PATH:TARGET   file:/PATH:MODE:SOURCE   node:/PATH:c|b:MAJOR:MINOR:MODE      (modes in octal)
// The format is in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst; times are 0, so the same
// input gives the same bytes.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const TYPE = {
  directory: 0o040000,
  character: 0o020000,
  block: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
};
const EMPTY = Buffer.alloc(0);

const octal = (text) => {
  if (!/^[0-7]{3,4}$/.test(text ?? '')) throw new Error(`mode '${text}' is not octal`);
  return parseInt(text, 8);
};

const small = (text) => {
  if (!/^\d{1,3}$/.test(text ?? '')) throw new Error(`device number '${text}' is not a number`);
  return Number(text);
};

const PARSERS = {
  dir: ([path]) => ({ path, mode: TYPE.directory | 0o755, links: 2, data: EMPTY, major: 0, minor: 0 }),
  link: ([path, target]) => ({
    path,
    mode: TYPE.symlink | 0o777,
    links: 1,
    data: Buffer.from(target),
    major: 0,
    minor: 0,
  }),
  file: ([path, mode, ...source]) => ({
    path,
    mode: TYPE.regular | octal(mode),
    links: 1,
    data: readFileSync(source.join(':')),
    major: 0,
    minor: 0,
  }),
  node: ([path, kind, major, minor, mode]) => ({
    path,
    mode: (kind === 'b' ? TYPE.block : TYPE.character) | octal(mode),
    links: 1,
    data: EMPTY,
    major: small(major),
    minor: small(minor),
  }),
};

function parse(text) {
  const [kind, ...fields] = text.split(':');
  if (!Object.hasOwn(PARSERS, kind) || !fields[0]?.startsWith('/')) {
    throw new Error(`entry '${text}' is none of dir: link: file: node: with an absolute path`);
  }
  const entry = PARSERS[kind](fields);
  return { ...entry, path: entry.path.slice(1) };
}

const hex8 = (value) => value.toString(16).toUpperCase().padStart(8, '0');
const pad4 = (buffer) => Buffer.concat([buffer, Buffer.alloc(-buffer.length & 3)]);

function member(entry, inode) {
  const name = Buffer.from(`${entry.path}\0`);
  // magic, then: inode mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check
  const numbers = [
    inode,
    entry.mode,
    0,
    0,
    entry.links,
    0,
    entry.data.length,
    0,
    0,
    entry.major,
    entry.minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map(hex8).join('')}`);
  return Buffer.concat([pad4(Buffer.concat([header, name])), pad4(entry.data)]);
}

function main([output, ...entries]) {
  if (output === undefined || entries.length === 0)
    throw new Error('usage: make-initramfs.mjs OUTPUT ENTRY...');
  const members = entries.map(parse).map((entry, index) => member(entry, index + 1));
  const trailer = member({ path: 'TRAILER!!!', mode: 0, links: 1, data: EMPTY, major: 0, minor: 0 }, 0);
  writeFileSync(`${output}.partial`, gzipSync(Buffer.concat([...members, trailer]), { level: 9 }));
  renameSync(`${output}.partial`, output);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`make-initramfs.mjs: ${error.message}`);
  process.exitCode = 1;
}
