// Makes of the modules in dist/ the one file dist/hvm.cjs that bin/hvm.js runs, and dist/hvm.cache, V8's compiled form of what a short guest
// needs of it: loading 280 modules and compiling them takes half a second of CPU. Last step of `npm run build`.
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CODE = `${ROOT}dist/hvm.cjs`;
const COMPILED = `${ROOT}dist/hvm.cache`;
const MAIN = new URL('../dist/cli/main.js', import.meta.url).href;
/** Parts of Node and packages that few runs need: loaded when something of them is used. */
const LAZY = ['node:net', 'node:dgram', 'node:dns', 'node:crypto', 'node:os', 'ws'];

const lazyModules = {
  name: 'lazy modules',
  setup({ onResolve, onLoad }) {
    // What commands other than `run` need stays in its modules: with it in the bundle, esbuild would wrap each module in a function.
    onLoad({ filter: /dist.cli.main\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('=> import(', '=> importModule('),
    }));
    onResolve({ filter: /^(node:|ws$)/ }, ({ path, namespace }) =>
      LAZY.includes(path) && namespace !== 'lazy' ? { path, namespace: 'lazy' } : { path, external: true },
    );
    onLoad({ filter: /./, namespace: 'lazy' }, async ({ path }) => ({
      contents: lazySource(path, Object.keys(await import(path))),
    }));
  },
};

function lazySource(path, names) {
  const getters = names.map((name) => `get ${name}() { return load().${name}; }`);
  return `const load = () => require(${JSON.stringify(path)});\nmodule.exports = { ${getters.join(',\n')} };\n`;
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [`${ROOT}dist/cli/main.js`],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Constants take the place of their names, also those of other modules: the optimiser cannot do that for a bundle's variables.
    minifySyntax: true,
    charset: 'ascii',
    define: { 'import.meta.url': 'mainUrl' },
    banner: { js: '(function (require, mainUrl, importModule) { const module = { exports: {} };' },
    footer: { js: '})' },
    plugins: [lazyModules],
    logLevel: 'warning',
  });
  replaceFile(CODE, outputFiles[0].contents);
}

/** Never there in part. */
function replaceFile(path, contents) {
  writeFileSync(`${path}.new`, contents);
  renameSync(`${path}.new`, path);
}

/** In a process of its own: runs the demo guest, then writes what V8 compiled for it. V8's settings are part of the compiled form, so they stay as they are. */
function runAndCompile() {
  const source = readFileSync(CODE);
  const script = new Script(source.latin1Slice(), { filename: CODE });
  process.on('exit', (status) => {
    if (status === 0) replaceFile(COMPILED, withHeader(source, script.createCachedData()));
  });
  process.argv.splice(2, Infinity, 'run', '--demo', '--append', 'script=halt');
  script.runInThisContext()(createRequire(CODE), MAIN);
}

/** What bin/hvm.js expects before the compiled code: CRC-32 of the code and of its source, the length of the source. */
export function withHeader(source, code) {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(crc32(code), 0);
  header.writeUInt32LE(crc32(source), 4);
  header.writeUInt32LE(source.length, 8);
  return Buffer.concat([header, code]);
}

async function main() {
  rmSync(COMPILED, { force: true });
  await bundle();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), '--compile'],
    {
      env: { ...process.env, HVM_NO_V8_FLAGS: '1', NODE_OPTIONS: '' },
      encoding: 'utf8',
    },
  );
  if (status !== 0)
    throw new Error(`the demo guest ended with status ${status}, expected 0:\n${stdout}${stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--compile') runAndCompile();
  else await main();
}
