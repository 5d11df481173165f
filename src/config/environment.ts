import { z } from 'zod';
import { listenPort } from './fields.ts';
import type { Mistake } from './mistakes.ts';
import type { Environment } from './paths.ts';
import type { Config, DaemonConfig } from './schema.ts';
import { fromText } from './typed-text.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const portText = z
  .string()
  .transform((text) => fromText(listenPort, text))
  .pipe(listenPort);

/** The settings that can be given as variables, for containers and one-off runs. */
const VARIABLES = {
  TUNNELD_LOG_LEVEL: z
    .enum(LEVELS, `Expected one of ${LEVELS.join(', ')}`)
    .transform((level) => (daemon: DaemonConfig) => ({ ...daemon, log: { ...daemon.log, level } })),
  TUNNELD_HEALTH_PORT: portText.transform((healthPort) => (daemon: DaemonConfig) => ({
    ...daemon,
    healthPort,
  })),
  TUNNELD_DAEMON_RELAY_PORT: portText.transform((relayPort) => (daemon: DaemonConfig) => ({
    ...daemon,
    relayPort,
  })),
};

export function environmentMistakes(env: Environment): Mistake[] {
  return settingsIn(env).flatMap(({ variable, schema, value }) => {
    const { error } = schema.safeParse(value);
    return (error?.issues ?? []).map((issue) => ({ path: [variable], what: issue.message }));
  });
}

/** The configuration with what the variables say. Call `environmentMistakes` first. */
export function applyEnvironment(config: Config, env: Environment): Config {
  const daemon = settingsIn(env).reduce((sum, { schema, value }) => schema.parse(value)(sum), config.daemon);
  return { ...config, daemon };
}

/** An empty variable counts as not set, as everywhere in a shell. */
function settingsIn(env: Environment) {
  return Object.entries(VARIABLES).flatMap(([variable, schema]) => {
    const value = env[variable];
    return value === undefined || value === '' ? [] : [{ variable, schema, value }];
  });
}
