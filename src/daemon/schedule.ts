import { createTask, type Logger } from 'node-cron';

/** A missed run (the machine slept) is no news: the wake detector sees to it. */
const SILENT: Logger = { info() {}, warn() {}, error() {}, debug() {} };

/**
 * Calls `run` on a cron schedule, in local time, until stopped.
 *
 * @param expression six fields, seconds first; checked when the configuration was read
 */
export function scheduleRuns(expression: string, run: () => void): { stop(): void } {
  const task = createTask(expression, run, { unref: true, suppressMissedWarning: true, logger: SILENT });
  void task.start();
  return { stop: () => void task.destroy() };
}

/** Once an hour, at a second of its own: daemons must not all ask the same provider at once. */
export function hourly(random: () => number): string {
  return `${Math.floor(random() * 60)} ${Math.floor(random() * 60)} * * * *`;
}
