import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Paths, resolvePaths } from '../config/paths.ts';
import type { Clock } from '../core/clock.ts';
import { Interrupted } from './command.ts';
import type { CliIo, Paint, Progress } from './io.ts';
import { printableLines } from './render/printable.ts';

/** The terminal, the environment and the clock of this process. */
export async function processIo(): Promise<CliIo> {
  endQuietlyOnBrokenPipe();
  const env = await environmentOf();
  let paths: Paths | undefined;
  let interruption: AbortSignal | undefined;
  const interactive = process.stdout.isTTY === true;
  const knownPaths = () => (paths ??= resolvePaths(env, process.platform));
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    // Home, then erase what is below: what scrolled off the screen is the user's, and stays.
    clear: () => void (interactive && process.stdout.write('\x1b[H\x1b[J')),
    interactive,
    size: () => ({
      columns: process.stdout.columns || Number.POSITIVE_INFINITY,
      rows: process.stdout.rows || Number.POSITIVE_INFINITY,
    }),
    paint: await chooseColours(interactive && wantsColour(process.env)),
    env,
    cwd: () => process.cwd(),
    clock: cliClock,
    paths: knownPaths,
    daemon: async () => {
      const { ControlClient } = await import('../control/client.ts');
      return new ControlClient(knownPaths().socket, {
        owner: () => daemonOwner(knownPaths()),
        onAlert: (alert) => {
          const [first = '', ...rest] = printableLines(alert);
          const lines = [`tunneld: warning: ${first}`, ...rest.map((line) => `  ${line.trimStart()}`)];
          process.stderr.write(`${lines.join('\n')}\n`);
        },
      });
    },
    daemonProgram: fileURLToPath(new URL('../daemon/main.js', import.meta.url)),
    progress,
    interrupted: () => (interruption ??= abortOnSignals()),
    onHangup: (listener) => void process.removeAllListeners('SIGHUP').on('SIGHUP', listener),
  };
}

/** Resolves once everything printed has left the process: `process.exit` would cut a pipe short. */
export async function flush(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
    ),
  );
}

/** `tunneld logs | head -1`: the reader left, which is no failure of ours. */
function endQuietlyOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      // A full disk behind a redirection: what was printed is not all there.
      if (stream === process.stdout)
        process.stderr.write(`tunneld: SYSTEM_REFUSED: The output cannot be written: ${error.message}\n`);
      process.exit(1);
    });
  }
}

/** Unlike the daemon's, these timers keep the process alive: a verb that waits has nothing else. */
const cliClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Looked for only when the socket leads nowhere. */
export async function daemonOwner({ lockFile, lockFallback }: Paths) {
  const { livingOwner } = await import('../config/daemon-owner.ts');
  return livingOwner(lockFile, lockFallback);
}

/** The library is loaded only for a terminal that shows colours. */
async function chooseColours(wanted: boolean): Promise<Paint> {
  return wanted ? (await import('picocolors')).default.createColors(true) : PLAIN;
}

const asIs = (text: string) => text;
const PLAIN: Paint = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

function wantsColour(env: NodeJS.ProcessEnv): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

/** Where `service/installed.ts` looks; named here too, because no command shall load it for nothing. */
const SYSTEM_UNIT = '/etc/systemd/system/tunneld.service';

/** Root alone means the system's daemon, where there is one; nobody else has to look for it. */
async function environmentOf(): Promise<NodeJS.ProcessEnv> {
  if (process.getuid?.() !== 0 || !existsSync(SYSTEM_UNIT)) return process.env;
  return (await import('../service/installed.ts')).withSystemService(process.env);
}

async function progress(text: string): Promise<Progress> {
  if (process.stderr.isTTY !== true) return { update: () => {}, done: () => {} };
  const { default: yoctoSpinner } = await import('yocto-spinner');
  const spinner = yoctoSpinner({ text }).start();
  return {
    update(now) {
      spinner.text = now;
    },
    done: () => void spinner.stop(),
  };
}

function abortOnSignals(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Stays: an impatient second Ctrl-C must not leave behind what the first is clearing away.
    process.on(signal, () => abort.abort(new Interrupted(signal)));
  }
  return abort.signal;
}
