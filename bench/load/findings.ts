import type { Sample } from './processes.ts';

/** One promise, and whether the run kept it. */
export interface Check {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly met: boolean;
  /** It says something only where nothing else keeps the machine busy. */
  readonly timing: boolean;
}

/** What both processes held at one moment. */
export interface Moment {
  readonly when: string;
  readonly relay: Sample;
  readonly agents: Sample;
}

/** What a run found out so far. */
export class Findings {
  readonly checks: Check[] = [];
  readonly moments: Moment[] = [];
  /** Things to know that are no promise. */
  readonly notes: string[] = [];

  exactly(what: string, measured: number, expected: number): void {
    this.checks.push({
      what,
      measured: String(measured),
      bound: String(expected),
      met: measured === expected,
      timing: false,
    });
  }

  atMost(what: string, measured: number, bound: number, unit: string): void {
    this.#bounded(what, measured, bound, unit, false);
  }

  /** The same for what depends on how busy the machine is. */
  inTime(what: string, measured: number, bound: number, unit: string): void {
    this.#bounded(what, measured, bound, unit, true);
  }

  #bounded(what: string, measured: number, bound: number, unit: string, timing: boolean): void {
    const number = Math.abs(measured) >= 100 ? measured.toFixed(0) : measured.toFixed(1);
    const show = (value: string) => `${value} ${unit}`.trimEnd();
    const met = measured <= bound;
    this.checks.push({ what, measured: show(number), bound: show(`<= ${bound}`), met, timing });
  }
}
