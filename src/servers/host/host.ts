import { systemClock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { Redactor } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';
import { Bridge } from '../bridge/bridge.ts';
import { SseSessions } from '../sse/sse-channel.ts';
import { Programs } from '../stdio/program.ts';
import { spawnHere } from '../stdio/spawn.ts';
import type { GroupJournal } from './group-journal.ts';
import type { FromHost, OpenRequest, ToHost } from './messages.ts';

/** Holds the bridges of all tunnels, in a process of its own. Ends what it started when it is told to. */
export class Host {
  readonly #bridges = new Map<number, Promise<Bridge | undefined>>();
  readonly #journal: GroupJournal;
  readonly #send: (message: FromHost) => void;

  constructor(journal: GroupJournal, send: (message: FromHost) => void) {
    this.#journal = journal;
    this.#send = send;
  }

  received(message: ToHost): void {
    if (message.type === 'ping') this.#send({ type: 'pong' });
    else if (message.type === 'open') this.#bridges.set(message.id, this.#open(message.id, message.request));
    else void this.#close(message.id);
  }

  /** Ends every program. */
  async close(): Promise<void> {
    await Promise.all([...this.#bridges.keys()].map((id) => this.#close(id)));
  }

  async #open(id: number, request: OpenRequest): Promise<Bridge | undefined> {
    const { settings, target, secrets, known, socketPath } = request;
    const redactor = new Redactor();
    for (const secret of secrets) redactor.add(new Secret(secret));
    const onNote = (text: string, fields: Readonly<Record<string, string | number>>) =>
      this.#send({ type: 'note', id, text, fields });
    const source =
      target.kind === 'sse'
        ? new SseSessions({ ...target, url: new URL(target.url), messageBytes: settings.messageBytes })
        : new Programs({
            spec: target,
            spawn: spawnHere,
            messageBytes: settings.messageBytes,
            clock: systemClock,
            clean: (text) => redactor.clean(text),
            onStderr: (line) => this.#send({ type: 'line', id, line }),
            onNote,
            onGroup: (pid, alive) => (alive ? this.#journal.started(pid) : this.#journal.ended(pid)),
          });
    const bridge = new Bridge({
      source,
      settings,
      known,
      clock: systemClock,
      random: Math.random,
      onState: (state) => this.#send({ type: 'state', id, state }),
      onNote,
    });
    try {
      await bridge.listen(socketPath);
      this.#send({ type: 'opened', id });
      return bridge;
    } catch (error) {
      const { code, message } =
        error instanceof TunneldError ? error : new TunneldError('INTERNAL', String(error));
      this.#send({ type: 'refused', id, code, message });
      return undefined;
    }
  }

  async #close(id: number): Promise<void> {
    const bridge = await this.#bridges.get(id);
    this.#bridges.delete(id);
    await bridge?.close();
    this.#send({ type: 'closed', id });
  }
}
