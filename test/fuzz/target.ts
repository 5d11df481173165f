import type { Random } from './random.ts';

/** Something that reads what others send. */
export interface Target {
  readonly name: string;
  /** How many of its cases run for each thousand of a run: some cost more than others. */
  readonly perThousand: number;
  /** Makes one case up and shows it. @throws what the case showed to be wrong */
  run(random: Random): void | Promise<void>;
  /** Whatever it holds is released. */
  close?(): Promise<void>;
}

/** Runs it; of what it throws only `expected` is all right. @returns undefined then */
export function refusedOr<T>(expected: new (...args: never[]) => Error, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof expected) return undefined;
    throw error;
  }
}

export function same(what: string, left: unknown, right: unknown): void {
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
}
