import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';

export type { Logger } from 'pino';

/** Backstop for strings that reach a log without being wrapped in a `Secret`. */
const REDACT_PATHS = ['*.authorization', '*.cookie', '*["x-tunneld-token"]', 'authtoken', 'token'];

/**
 * A structured logger. The message is a constant sentence; everything variable is a field.
 *
 * @param level a pino level name (`debug`, `info`, `warn`, `error`, `silent`, …)
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACT_PATHS, censor: '[redacted]' },
    serializers: { err: stdSerializers.err },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
