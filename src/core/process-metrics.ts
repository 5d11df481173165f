import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Taken from a histogram that every scrape empties: before its first sample it says NaN, and a minimum
 * of 9 * 10^9 seconds. The plain `nodejs_eventloop_lag_seconds` is measured at the scrape, and stays.
 */
const WITHOUT_SAMPLES = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (figure) => `nodejs_eventloop_lag_${figure}_seconds`,
);

/** A registry with the figures of this process and of Node that are numbers at every scrape. */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of WITHOUT_SAMPLES) registry.removeSingleMetric(name);
  return registry;
}
