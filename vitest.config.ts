import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/current-build.ts', 'test/setup/nothing-left.ts'],
    setupFiles: ['test/setup/mark-processes.ts'],
    expect: { requireAssertions: true },
    // They only end what hangs: system tests wait for processes, and a machine may be busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers than that only makes timing-sensitive system tests fight each other.
    maxWorkers: 2,
  },
});
