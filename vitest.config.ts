/** Test runner settings. Guests run from dist/ in child processes; two files at a time are enough, because those children are the load. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The same reporter on a terminal, in a pipe and under CI.
    reporters: ['default'],
  },
});
