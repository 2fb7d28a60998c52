#!/usr/bin/env node
// The command `hvm`: runs dist/hvm.cjs, the whole command line in one file, with V8's compiled form of it beside; without it (or when the
// modules that it was made of are newer, or with HVM_MODULES=1, for profiles and stack traces by file) the modules in dist/. Compiled code that
// is damaged, or of another build or Node, is ignored.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const CODE = fileURLToPath(new URL('../dist/hvm.cjs', import.meta.url));
const COMPILED = fileURLToPath(new URL('../dist/hvm.cache', import.meta.url));
const MAIN = new URL('../dist/cli/main.js', import.meta.url);
/** Before the compiled code, little-endian: CRC-32 of what follows, CRC-32 of the source, its length, 0. */
const HEADER_BYTES = 16;

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The compiled form of `source`, or undefined: V8 itself would run into damaged code. */
function compiledForm(source) {
  if (!existsSync(COMPILED)) return undefined;
  const file = readFileSync(COMPILED);
  if (file.length <= HEADER_BYTES) return undefined;
  const code = file.subarray(HEADER_BYTES);
  const fits =
    file.readUInt32LE(8) === source.length &&
    file.readUInt32LE(4) === crc32(source) &&
    file.readUInt32LE(0) === crc32(code);
  return fits ? code : undefined;
}

function runBundle() {
  const source = readFileSync(CODE);
  const cachedData = compiledForm(source);
  const script = new Script(source.latin1Slice(), {
    filename: CODE,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const importModule = (path) => import(new URL(path, MAIN).href);
  script.runInThisContext()(createRequire(CODE), MAIN.href, importModule);
}

const isBundled = process.env.HVM_MODULES !== '1' && existsSync(CODE) && modifiedAt(CODE) >= modifiedAt(MAIN);
if (isBundled) runBundle();
else if (existsSync(MAIN)) await import(MAIN.href);
else {
  console.error('hvm: dist/ is missing; run `npm run build` first');
  process.exitCode = 1;
}
