import { TunneldError } from '../core/errors.ts';

export interface PortUse {
  /** Who needs the port, in words. */
  readonly what: string;
  /** Key below `daemon:` in the configuration. */
  readonly key: string;
  readonly variable: string;
}

/** Says which port is taken and how to choose another; anything else that went wrong stays as it is. */
export function portInUse(error: unknown, port: number, { what, key, variable }: PortUse): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'PORT_IN_USE') return error;
  const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another program';
  return new TunneldError('PORT_IN_USE', `Port ${port} of 127.0.0.1, needed for ${what}, ${why}.`, {
    cause: error,
    remedy: `Stop that program, or set daemon.${key} in the configuration (or ${variable}) to another port.`,
  });
}
