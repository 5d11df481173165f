import { createTask, type Logger } from 'node-cron';

/** A missed run (the machine slept) is no news: the wake detector sees to it. */
const SILENT: Logger = { info() {}, warn() {}, error() {}, debug() {} };

export interface Schedule {
  /**
   * The wall clock was set, or the machine slept. The scheduler waits for a moment of the clock it
   * knew: set back by an hour, nothing would run for an hour.
   */
  rearm(): void;
  stop(): void;
}

/**
 * Calls `run` on a cron schedule, in local time, until stopped.
 *
 * @param expression six fields, seconds first; checked when the configuration was read
 */
export function scheduleRuns(expression: string, run: () => void): Schedule {
  const start = () => {
    const task = createTask(expression, run, { unref: true, suppressMissedWarning: true, logger: SILENT });
    void task.start();
    return task;
  };
  let task = start();
  let stopped = false;
  return {
    rearm() {
      if (stopped) return;
      void task.destroy();
      task = start();
    },
    stop() {
      stopped = true;
      void task.destroy();
    },
  };
}

/** Once an hour, at a second of its own: daemons must not all ask the same provider at once. */
export function hourly(random: () => number): string {
  return `${Math.floor(random() * 60)} ${Math.floor(random() * 60)} * * * *`;
}
