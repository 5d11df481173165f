import { parseArgs } from 'node:util';

export interface DaemonOptions {
  readonly config: string | undefined;
  /** Inherited descriptor on which the parent process hears how the start went. */
  readonly readyFd: number | undefined;
  /** The log is printed on standard output as well. */
  readonly logged: boolean;
}

export function daemonOptions(): DaemonOptions {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'ready-fd': { type: 'string' },
      'log-stdout': { type: 'boolean' },
    },
  });
  const fd = values['ready-fd'];
  return {
    config: values.config,
    readyFd: fd === undefined ? undefined : Number(fd),
    logged: values['log-stdout'] === true,
  };
}
