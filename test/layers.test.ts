/** Keeps the walls of ARCHITECTURE.md: who may import whom, where Node and `new Function` may appear, what no file may contain. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

/** What a chip is written against; hv may know it too. */
const DEVICE_CONTRACT = new Set([
  'devices/device.ts',
  'devices/guest-memory.ts',
  'devices/network-backend.ts',
]);
/** Layer → layers it may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  decoder: [],
  runtime: [],
  jit: ['decoder', 'runtime'],
  devices: ['device-contract'],
  'device-contract': [],
  display: ['devices', 'device-contract'],
  network: ['device-contract'],
  firmware: [],
  hv: ['runtime', 'device-contract'],
  machine: ['decoder', 'runtime', 'jit', 'devices', 'device-contract', 'firmware', 'hv'],
  regress: ['decoder', 'runtime', 'jit', 'hv', 'machine'],
  cli: [
    'decoder',
    'runtime',
    'jit',
    'devices',
    'device-contract',
    'display',
    'network',
    'firmware',
    'hv',
    'machine',
    'regress',
  ],
};
/** Packages each layer may use; type packages of the compiler count as none. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  jit: ['acorn', 'astring', 'estree', 'debug'],
  runtime: ['debug'],
  devices: ['debug'],
  hv: ['debug'],
  machine: ['debug'],
  cli: ['debug', 'ws'],
};
/** Tools that run at build time may use Node. */
const BUILD_TIME = new Set(['jit/interpreter/generate.ts']);
/** The only file that makes functions from text. */
const FUNCTION_FACTORIES = 1;

interface SourceFile {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function sourceFiles(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function layerOf(path: string): string {
  if (DEVICE_CONTRACT.has(path)) return 'device-contract';
  if (!path.includes('/')) return path.replace(/\.ts$/, '');
  return path.slice(0, path.indexOf('/'));
}

/** Specifiers of static, re-exporting and dynamic imports. */
function importsOf(text: string): string[] {
  const pattern =
    /(?:^|[;\n])\s*(?:import|export)\b[^;'"`]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => (match[1] ?? match[2])!);
}

function resolve(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

/** Why an import is not allowed, undefined when it is. */
function violation(path: string, specifier: string): string | undefined {
  const layer = layerOf(path);
  const complaint = `${path} imports ${specifier}`;
  if (specifier.startsWith('node:')) return layer === 'cli' || BUILD_TIME.has(path) ? undefined : complaint;
  if (!specifier.startsWith('.')) return PACKAGES[layer]?.includes(specifier) ? undefined : complaint;
  const target = resolve(path, specifier);
  if (target.startsWith('..')) return complaint;
  const to = layerOf(target);
  return to === layer || MAY_IMPORT[layer]?.includes(to) ? undefined : complaint;
}

/** Text without comments, roughly: enough to look for words that only code may not contain. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

const files = sourceFiles(SRC);
const generated = (path: string): boolean => path.includes('/generated/');

describe('the checker itself', () => {
  it('finds every kind of import', () => {
    const text = `import a from 'one';\nimport type { B } from "./two.js";\nexport { c } from './three.js';\nawait import('./four.js');\nimport './five.js';\nimport {\n  x,\n} from './six.js';`;
    expect(importsOf(text)).toEqual(['one', './two.js', './three.js', './four.js', './five.js', './six.js']);
  });
  it('objects to imports across a wall', () => {
    expect(violation('decoder/decode.ts', '../runtime/state.js')).toBeDefined();
    expect(violation('devices/uart-16550.ts', '../runtime/state.js')).toBeDefined();
    expect(violation('hv/loop.ts', '../devices/uart-16550.js')).toBeDefined();
    expect(violation('runtime/mmu.ts', 'node:fs')).toBeDefined();
    expect(violation('decoder/decode.ts', 'acorn')).toBeDefined();
    expect(violation('machine.ts', './cli/main.js')).toBeDefined();
    expect(violation('hv/pit.ts', '../devices/device.js')).toBeUndefined();
    expect(violation('jit/builder.ts', '../runtime/state.js')).toBeUndefined();
  });
});

describe('layers', () => {
  it('src has only the known folders and files at its top', () => {
    const layers = new Set(files.map((file) => layerOf(file.path)));
    expect([...layers].filter((layer) => !(layer in MAY_IMPORT))).toEqual([]);
  });
  it('imports go only where the table allows', () => {
    const bad = files.flatMap(({ path, text }) =>
      importsOf(text).map((specifier) => violation(path, specifier)),
    );
    expect(bad.filter((complaint) => complaint !== undefined)).toEqual([]);
  });
  it('Node globals appear only in the command line', () => {
    const node = /\b(?:process\.|Buffer\.|require\(|__dirname|setImmediate\()/;
    const bad = files.filter(
      ({ path, text }) =>
        layerOf(path) !== 'cli' && !BUILD_TIME.has(path) && node.test(withoutComments(text)),
    );
    expect(bad.map((file) => file.path)).toEqual([]);
  });
  it('functions are made from text in one file', () => {
    const makers = files.filter(
      ({ path, text }) => !generated(path) && /new\s+Function\b|\beval\s*\(/.test(withoutComments(text)),
    );
    expect(makers.map((file) => file.path)).toHaveLength(FUNCTION_FACTORIES);
  });
});

describe('files', () => {
  const tests = sourceFiles(join(ROOT, 'test')).filter(({ path }) => path !== 'layers.test.ts');

  it('open with a sentence saying what they are', () => {
    const bad = files.filter(({ path, text }) => !generated(path) && !/^\/\*\*|^\/\//.test(text));
    expect(bad.map((file) => file.path)).toEqual([]);
  });
  it('carry no unfinished-work marks', () => {
    const bad = [...files, ...tests].filter(({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text));
    expect(bad.map((file) => file.path)).toEqual([]);
  });
  it('have names in kebab-case', () => {
    const bad = files.filter(({ path }) => !/^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.d)?\.ts$/.test(path));
    expect(bad.map((file) => file.path)).toEqual([]);
  });
  it('skip no tests and single none out', () => {
    const bad = tests.filter(({ text }) =>
      /\b(?:it|test|describe)\.(?:skip|todo|only|fails)\b|\bxit\(/.test(text),
    );
    expect(bad.map((file) => file.path)).toEqual([]);
  });
  it('stay below 500 lines unless they are tables', () => {
    const table = /opcodes|float80|kernels/;
    const long = files.filter(
      ({ path, text }) => !generated(path) && !table.test(path) && text.split('\n').length > 501,
    );
    expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length}`)).toEqual([]);
  });
});

describe('the documents', () => {
  it('name the same folders as the tree', () => {
    const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
    const folders = new Set(
      files.map(({ path }) => dirname(path).split('/')[0]!).filter((name) => name !== '.'),
    );
    expect([...folders].filter((name) => !text.includes(`src/${name}`))).toEqual([]);
  });
  it('link only to files that exist', () => {
    const names = [
      'README.md',
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'guests/README.md',
      ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((n) => n.endsWith('.md'))
        .map((n) => `docs/${n.replaceAll('\\', '/')}`),
    ];
    const existing = new Set(readdirSync(ROOT, { encoding: 'utf8' }));
    const broken: string[] = [];
    for (const name of names) {
      const text = readFileSync(join(ROOT, name), 'utf8');
      for (const match of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
        const target = relative(ROOT, join(ROOT, dirname(name), match[1]!)).replaceAll('\\', '/');
        if (!exists(target, existing)) broken.push(`${name}: ${match[1]}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

function exists(target: string, top: ReadonlySet<string>): boolean {
  if (!target.includes('/')) return top.has(target);
  try {
    return readdirSync(join(ROOT, dirname(target))).includes(posix.basename(target));
  } catch {
    return false;
  }
}
