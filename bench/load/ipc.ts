import type { ChildProcess } from 'node:child_process';

interface Question {
  readonly id: number;
  readonly verb: string;
  readonly args: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

const READY = 'ready';
let lastId = 0;

/** Asks a child process, and waits for its answer. Rejects when it fails or ends. */
export function ask<T>(child: ChildProcess, verb: string, args: unknown = {}): Promise<T> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      const answer = message as Answer;
      if (answer.id !== id) return;
      stop();
      if (answer.error === undefined) resolve(answer.result as T);
      else reject(new Error(`${verb}: ${answer.error}`));
    };
    const onExit = (code: number | null) => {
      stop();
      reject(new Error(`the process ended with ${code} before it answered ${verb}`));
    };
    const stop = () => {
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    child.on('message', onMessage);
    child.once('exit', onExit);
    child.send({ id, verb, args } satisfies Question);
  });
}

/** Resolves when the child serves: what is asked earlier is lost. */
export function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${code} before it was ready`)));
    child.on('message', (message) => {
      if (message === READY) resolve();
    });
  });
}

/** The child's side: answers the verbs it knows until its parent is gone. */
export function serve(verbs: Readonly<Record<string, (args: never) => unknown>>): void {
  process.on('message', (message: unknown) => {
    const { id, verb, args } = message as Question;
    const run = verbs[verb];
    // What it does not know is for somebody else in this process.
    if (run === undefined) return;
    Promise.resolve()
      .then(() => run(args as never))
      .then(
        (result) => process.send?.({ id, result } satisfies Answer),
        (error: unknown) => process.send?.({ id, error: String(error) } satisfies Answer),
      );
  });
  process.on('disconnect', () => process.exit(0));
  // Who only serves has nothing else that keeps it alive.
  process.channel?.ref();
  process.send?.(READY);
}
