import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    expect: { requireAssertions: true },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // Two cores: more workers than that only makes timing-sensitive system tests fight each other.
    maxWorkers: 2,
  },
});
