import { statSync } from 'node:fs';
import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Channel, ChannelListener, ChannelSource } from '../bridge/channel.ts';
import { LineReader } from '../bridge/line-reader.ts';
import { asMessage } from '../bridge/rpc.ts';
import type { Ended, ProgramSpec, Spawn, Started } from './spawn.ts';
import { StderrLog } from './stderr-log.ts';

export interface ProgramOptions {
  readonly spec: ProgramSpec;
  readonly spawn: Spawn;
  /** Largest message (bytes). */
  readonly messageBytes: number;
  readonly clock: Clock;
  /** Takes known secrets out of what the program wrote. */
  readonly clean: (text: string) => string;
  /** A line of its standard error, secrets included. */
  readonly onStderr: (line: string) => void;
  readonly onNote: (text: string, fields: Readonly<Record<string, string | number>>) => void;
  /** A process group was started, or is gone. Told at once: whoever cleans up relies on it. */
  readonly onGroup: (pid: number, alive: boolean) => void;
}

/** Time for a program to end by itself once its input ended, and after SIGTERM (milliseconds). */
const ENDS_ITSELF_MS = 500;
const ENDS_ON_SIGTERM_MS = 1_500;
/** Of what is quoted in an error (characters). */
const QUOTE = 200;

/** Programs that speak MCP over standard input and output, one for each channel. */
export class Programs implements ChannelSource {
  readonly #options: ProgramOptions;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  open(listener: ChannelListener): Channel {
    return new Program(this.#options, listener);
  }
}

class Program implements Channel {
  readonly closed: Promise<TunneldError>;
  readonly #options: ProgramOptions;
  readonly #listener: ChannelListener;
  readonly #started: Started;
  readonly #reader: LineReader;
  readonly #stderr: StderrLog;
  #settle: (why: TunneldError) => void = () => {};
  /** Why it is being ended, where that is not its own doing. */
  #why: TunneldError | undefined;
  #over = false;
  #ending: Promise<void> | undefined;
  #garbage = 0;
  #lastGarbage = '';

  constructor(options: ProgramOptions, listener: ChannelListener) {
    const { spec, spawn, messageBytes, clock, onStderr } = options;
    this.#options = options;
    this.#listener = listener;
    this.#reader = new LineReader(messageBytes);
    this.#stderr = new StderrLog(clock, onStderr);
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#started = spawn(spec);
    const { pid, stdin, stdout, stderr, ended } = this.#started;
    if (pid !== undefined) options.onGroup(pid, true);
    // EPIPE: it does not read any more. That it ended is told elsewhere.
    stdin.on('error', () => {});
    stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    stdout.on('error', () => {});
    stdout.once('end', () => this.#silent());
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => this.#stderr.push(text));
    stderr.on('error', () => {});
    void ended.then((how) => this.#ended(how));
  }

  get backlog(): number {
    return this.#started.stdin.writableLength;
  }

  send(text: string): void {
    if (this.#over || !this.#started.stdin.writable) return;
    this.#started.stdin.write(`${text}\n`);
  }

  close(why?: TunneldError): Promise<void> {
    this.#why ??=
      why ?? new TunneldError('SERVER_EXITED', 'The program was ended, since nobody needs it any more');
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** As the specification of MCP has it: its input ends, then it is asked to, then it is made to. */
  async #end(): Promise<void> {
    const { clock } = this.#options;
    const { stdin, ended, signal } = this.#started;
    stdin.end();
    const timers: Timer[] = [
      clock.setTimer(() => signal('SIGTERM'), ENDS_ITSELF_MS),
      clock.setTimer(() => signal('SIGKILL'), ENDS_ITSELF_MS + ENDS_ON_SIGTERM_MS),
    ];
    await ended;
    for (const timer of timers) timer.cancel();
    await this.closed;
  }

  #read(chunk: Buffer): void {
    if (this.#over || this.#why !== undefined) return;
    if (this.#reader.push(chunk, (line) => this.#line(line))) return;
    const { messageBytes } = this.#options;
    this.#give(
      new TunneldError(
        'SERVER_OUTPUT',
        `The program wrote more than ${messageBytes} bytes without ending the line, which is more than a message may have`,
      ),
    );
  }

  #line(line: string): void {
    if (this.#over || line === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#isGarbage(line);
      return;
    }
    const message = asMessage(value);
    if (message !== undefined) this.#listener.message(message, line);
    // A batch, of revision 2025-03-26.
    else if (Array.isArray(value)) for (const part of value) this.#part(part);
    else this.#isGarbage(line);
  }

  #part(part: unknown): void {
    const message = asMessage(part);
    if (message !== undefined) this.#listener.message(message, JSON.stringify(message));
  }

  /** Servers that print their greetings to standard output are common; clients skip such lines. */
  #isGarbage(line: string): void {
    this.#garbage += 1;
    this.#lastGarbage = line.slice(0, QUOTE);
    if (this.#garbage > 1 && this.#garbage % 1_000 !== 0) return;
    const { onNote, clean } = this.#options;
    onNote('the server wrote a line that is no message to its standard output', {
      line: clean(this.#lastGarbage),
      times: this.#garbage,
    });
  }

  /** Its output ended: whatever it still does, nobody hears of it. */
  #silent(): void {
    // As a rule it ends at the same moment, and then that is the better word.
    this.#options.clock.setTimer(() => {
      if (!this.#over)
        this.#give(new TunneldError('SERVER_OUTPUT', 'The program closed its standard output and went on'));
    }, ENDS_ITSELF_MS);
  }

  #give(why: TunneldError): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    // Callers are told now; the program may take its time to go.
    this.#settle(why);
    this.#started.signal('SIGKILL');
  }

  #ended(how: Ended): void {
    const { pid, stdin, stdout, stderr } = this.#started;
    this.#over = true;
    // What it started and left behind must not outlive it.
    this.#started.signal('SIGKILL');
    stdin.destroy();
    if (how.kind === 'not-started') {
      this.#settle(this.#why ?? this.#notStarted(how.code));
      return;
    }
    // The last words are in the pipe; a grandchild that was just killed no longer holds it open.
    const last = () => {
      stdout.destroy();
      stderr.destroy();
      this.#stderr.end();
      if (pid !== undefined) this.#options.onGroup(pid, false);
      this.#settle(this.#why ?? this.#exited(how.code, how.signal));
    };
    if (stderr.readableEnded) last();
    else {
      const timer = this.#options.clock.setTimer(once, LAST_WORDS_MS);
      stderr.once('end', once);
      let called = false;
      function once(): void {
        timer.cancel();
        if (!called) last();
        called = true;
      }
    }
  }

  #exited(code: number | null, signal: string | null): TunneldError {
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    const said = this.#stderr.last === '' ? this.#lastGarbage : this.#stderr.last;
    const quoted = said === '' ? '' : `; its last line: ${this.#options.clean(said).slice(0, QUOTE)}`;
    return new TunneldError('SERVER_EXITED', `The program ${how}${quoted}`);
  }

  #notStarted(code: string): TunneldError {
    const { command, cwd } = this.#options.spec;
    const [program] = command;
    if (code === 'EMFILE' || code === 'ENFILE' || code === 'EAGAIN' || code === 'ENOMEM') {
      return new TunneldError('SERVER_NO_ROOM', `This machine cannot start another program now (${code})`);
    }
    if (!isFolder(cwd)) {
      return new TunneldError(
        'SERVER_NOT_STARTED',
        `The program cannot be started in ${cwd}, which is no folder`,
        {
          remedy: 'Give another folder with `cwd`.',
        },
      );
    }
    if (code === 'ENOENT') {
      return new TunneldError('SERVER_NOT_STARTED', `The program ${program} is not there`, {
        remedy: `Install it, or give its full path; it is looked for in the PATH of the daemon, unless \`env\` has another.`,
      });
    }
    if (code === 'EACCES') {
      return new TunneldError('SERVER_NOT_STARTED', `The program ${program} may not be executed`, {
        remedy: `Make it executable: \`chmod +x\`, or put the program that runs it (node, python) in front.`,
      });
    }
    return new TunneldError('SERVER_NOT_STARTED', `The program ${program} cannot be started (${code})`);
  }
}

/** How long what it wrote last may take to arrive (milliseconds). */
const LAST_WORDS_MS = 250;

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
