/** Golden files: text that changes only where a diff shows it. UPDATE_GOLDEN=1 rewrites them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

const FOLDER = new URL('golden/', import.meta.url);

export function expectGolden(name: string, text: string): void {
  const file = new URL(name, FOLDER);
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, text);
  }
  expect(existsSync(file), `${name} is missing: UPDATE_GOLDEN=1 writes it`).toBe(true);
  expect(text, `${name} differs: look at the diff, then UPDATE_GOLDEN=1`).toBe(readFileSync(file, 'utf8'));
}
