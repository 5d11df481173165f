import type { Sample } from './processes.ts';

/** One promise, and whether the run kept it. */
export interface Check {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly met: boolean;
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
    });
  }

  atMost(what: string, measured: number, bound: number, unit: string): void {
    const shown = `${Math.abs(measured) >= 100 ? measured.toFixed(0) : measured.toFixed(1)} ${unit}`;
    this.checks.push({ what, measured: shown, bound: `<= ${bound} ${unit}`, met: measured <= bound });
  }
}
