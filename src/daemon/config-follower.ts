import { isDeepStrictEqual } from 'node:util';
import type { Config, TunnelConfig } from '../config/schema.ts';
import type { ReportedError } from '../core/status.ts';
import { ConfigFile, type ConfigFileOptions } from './config-file.ts';
import type { Definitions } from './definitions.ts';
import type { LogBook } from './log-book.ts';
import type { Tunnels } from './tunnels.ts';

export interface ConfigFollowerOptions extends Omit<ConfigFileOptions, 'onDue'> {
  readonly logs: LogBook;
  readonly definitions: Definitions;
  readonly tunnels: Tunnels;
  /** What an edit adds while the daemon stops would outlive it. */
  readonly stopping: () => boolean;
}

/** Makes the tunnels what the config file says, at each edit. */
export class ConfigFollower {
  readonly #options: ConfigFollowerOptions;
  readonly #file: ConfigFile;

  constructor(options: ConfigFollowerOptions) {
    this.#options = options;
    this.#file = new ConfigFile({ ...options, onDue: () => void this.reload({ final: true }) });
  }

  /** The last good content. */
  get current(): Config {
    return this.#file.current;
  }

  /** Why what is in the file now does not count, if so. */
  get error(): ReportedError | undefined {
    return this.#file.error;
  }

  /**
   * Reads the file again. A bad edit keeps the last good one.
   *
   * @param final tunnels that are gone from the file are closed at once, even when the file is gone
   */
  async reload({ final = false } = {}): Promise<void> {
    const { logs, onNote, stopping } = this.#options;
    const before = { config: this.#file.current, error: this.#file.error };
    if (final) logs.reopen();
    if (stopping()) return;
    this.#file.read(final);
    const { current: config, error } = this.#file;
    if (error !== undefined && error.message !== before.error?.message)
      logs.daemon.warn(
        { code: error.code, cause: error.message, remedy: error.remedy },
        'config not applied',
      );
    if (before.config === config || isDeepStrictEqual(before.config, config)) return;
    if (!isDeepStrictEqual(before.config.daemon, config.daemon)) {
      onNote('The settings below `daemon:` changed; they count from the next start of the daemon.');
    }
    logs.daemon.info({ tunnels: Object.keys(config.tunnels).length }, 'config applied');
    await Promise.allSettled([...this.#follow(before.config, config)]);
  }

  close(): void {
    this.#file.close();
  }

  /** What changed in the file becomes what is wanted; what did not change stays as the user left it. */
  *#follow(before: Config, after: Config): Iterable<Promise<void>> {
    const { tunnels } = this.#options;
    for (const name of Object.keys(before.tunnels)) {
      const tunnel = tunnels.get(name);
      if (after.tunnels[name] === undefined && tunnel !== undefined) {
        yield tunnels.remove(tunnel, 'no longer in the config file');
      }
    }
    for (const [name, config] of Object.entries(after.tunnels)) {
      if (isDeepStrictEqual(before.tunnels[name], config)) continue;
      yield this.#define(name, config, before.tunnels[name]);
    }
  }

  async #define(name: string, config: TunnelConfig, before: TunnelConfig | undefined): Promise<void> {
    const { tunnels, definitions, stopping } = this.#options;
    await tunnels.left(name);
    if (stopping()) return;
    const definition = definitions.fromFile(name, config, before);
    const tunnel = tunnels.get(name) ?? tunnels.add(name, definition);
    await tunnel.apply(definition, 'the config file changed');
  }
}
