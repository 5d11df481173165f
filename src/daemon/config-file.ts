import { readConfig } from '../config/load.ts';
import type { Environment, Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { ReportedError } from '../core/status.ts';

/** An editor, a sync or a `git checkout` may leave no file, or an empty one, for this long (milliseconds). */
const ABSENT_MS = 60_000;

/** A file that is written in pieces may be valid before its end. Tunnels leave it after this (milliseconds). */
const SETTLE_MS = 2_000;

export interface ConfigFileOptions {
  readonly paths: Pick<Paths, 'configFile' | 'configRequired'>;
  readonly env: Environment;
  readonly clock: Clock;
  readonly initial: Config;
  readonly onNote: (note: string) => void;
  /** What was waited for is over: read again, with `final`. */
  readonly onDue: () => void;
}

/**
 * The config file while the daemon runs: the last good content counts. A mistake changes nothing, and
 * tunnels that are gone from it are closed only when that does not pass.
 */
export class ConfigFile {
  readonly #options: ConfigFileOptions;
  #current: Config;
  #error: ReportedError | undefined;
  #timer: Timer | undefined;

  constructor(options: ConfigFileOptions) {
    this.#options = options;
    this.#current = options.initial;
  }

  get current(): Config {
    return this.#current;
  }

  /** Why what is in the file now does not count, if so. */
  get error(): ReportedError | undefined {
    return this.#error;
  }

  /** @param final the user means it, or it did not pass: what is gone is gone */
  read(final: boolean): void {
    const { paths, env, onNote } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    try {
      const { config, absent } = readConfig(paths.configFile, {
        optional: !paths.configRequired,
        env,
        onNote,
      });
      this.#apply(config, absent, final);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      this.#refuse(error);
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  #apply(config: Config, absent: 'missing' | 'blank' | undefined, final: boolean): void {
    const gone = Object.entries(this.#current.tunnels).filter(([name]) => config.tunnels[name] === undefined);
    this.#error = undefined;
    if (gone.length === 0 || final) {
      this.#current = config;
      return;
    }
    this.#timer = this.#options.clock.setTimer(
      this.#options.onDue,
      absent === undefined ? SETTLE_MS : ABSENT_MS,
    );
    if (absent !== undefined) {
      this.#refuse(
        this.#absence(
          absent,
          gone.map(([name]) => name),
        ),
      );
      return;
    }
    const tunnels = Object.assign(Object.create(null), config.tunnels, Object.fromEntries(gone));
    this.#current = { ...config, tunnels };
  }

  #absence(absent: 'missing' | 'blank', names: readonly string[]): TunneldError {
    const { configFile } = this.#options.paths;
    const what = absent === 'missing' ? 'is gone' : 'is empty';
    return new TunneldError(
      'CONFIG_INVALID',
      `${configFile} ${what}; its tunnels are kept: ${names.join(', ')}`,
      {
        remedy: `Put it back. If it is meant, they are closed ${ABSENT_MS / 1_000} s after that, or at once by \`kill -HUP ${process.pid}\`.`,
      },
    );
  }

  #refuse({ code, message, remedy }: TunneldError): void {
    this.#error = { code, message, remedy, at: this.#options.clock.now() };
  }
}
