import type { Child } from './child.ts';

/** One way from the load generator to the origin. */
export interface Subject {
  readonly name: string;
  /** Base URL without a trailing slash. */
  readonly url: string;
  /** The processes whose CPU and memory are the subject's own; none for direct access. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly name: string;
  readonly pid: number;
}

/** The subjects of a run: all up at once, since neighbours that are idle cost nothing. */
export class SubjectList {
  readonly list: Subject[] = [];
  /** What was to be measured and cannot be on this machine, and why. */
  readonly missing: string[] = [];
  readonly #children: Child[] = [];

  /** Starts what `build` adds. Nothing is left running when that fails. */
  static async build(build: (subjects: SubjectList) => Promise<void>): Promise<SubjectList> {
    const subjects = new SubjectList();
    try {
      await build(subjects);
      return subjects;
    } catch (error) {
      await subjects.stop();
      throw error;
    }
  }

  /** Remembers a process that must end with the run. */
  keep<T extends Child>(child: T): T {
    this.#children.push(child);
    return child;
  }

  add(name: string, url: string, parts: readonly Part[]): void {
    this.list.push({ name, url, parts });
  }

  readonly stop = async (): Promise<void> => {
    for (const child of this.#children.splice(0).reverse()) await child.stop();
  };
}

export function at(port: number): string {
  return `http://127.0.0.1:${port}`;
}
