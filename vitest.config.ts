import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Labs and real servers share two cores: files one after the other keep timings honest.
    fileParallelism: false,
    pool: 'forks',
    // Real programs on a machine that others load as well: in CI a failure counts when it is seen twice.
    retry: process.env['CI'] === 'true' ? 1 : 0,
  },
});
