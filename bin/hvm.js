#!/usr/bin/env node
// The command `hvm`: loads the built command line from dist/.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('hvm: dist/ is missing; run `npm run build` first');
  process.exitCode = 1;
}
