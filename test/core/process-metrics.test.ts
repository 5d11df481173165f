import { expect, it } from 'vitest';
import { processMetrics } from '../../src/core/process-metrics.ts';

it('tells of the process by numbers alone, however often and soon it is asked', async () => {
  const registry = processMetrics();
  for (let scrape = 0; scrape < 3; scrape++) {
    const text = await registry.metrics();
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    const values = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of values) expect(Number(line.split(' ').at(-1)), line).toBeLessThan(9e9 * 1_000);
    expect(text).not.toMatch(/NaN|nodejs_eventloop_lag_(?:min|max|mean|stddev|p\d\d)_seconds/);
  }
});
