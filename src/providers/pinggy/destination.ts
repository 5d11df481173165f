import { TunneldError } from '../../core/errors.ts';
import { hostName } from './grammar.ts';
import type { PinggyOptions } from './options.ts';
import './errors.ts';

export interface Destination {
  /** `TOKEN+force`; absent for free use. Secret. */
  readonly user: string | undefined;
  readonly host: string;
}

const TOKEN =
  /^(?<token>[A-Za-z0-9][A-Za-z0-9_-]*)(?<keywords>(?:\+[a-z0-9]+)*)(?:@(?<host>[A-Za-z0-9.-]+))?$/;
/** `http` is what we carry; the other keywords of Pinggy change the tunnel's type or draw on a screen. */
const KEYWORDS = new Set(['force', 'http', 'auth']);

/**
 * Who to log in as and where. Understands the bare token and the whole of what Pinggy's dashboard
 * offers to copy (`TOKEN+force@pro.pinggy.io`).
 */
export function destination(options: PinggyOptions): Destination {
  const written = options.token?.reveal().trim();
  if (written === undefined) return { user: undefined, host: server(options, 'free.pinggy.io') };

  const groups = TOKEN.exec(written)?.groups;
  if (groups === undefined) {
    throw new TunneldError('PINGGY_OPTION_INVALID', 'Pinggy: the token does not look like one.', {
      remedy: 'Copy the token from the Pinggy dashboard; it holds only letters and digits.',
    });
  }
  const keywords = (groups['keywords'] ?? '').split('+').filter((word) => word !== '');
  const stray = keywords.find((word) => !KEYWORDS.has(word));
  if (stray !== undefined) {
    throw new TunneldError('PINGGY_OPTION_INVALID', `Pinggy: keyword "+${stray}" is not usable here.`, {
      remedy: 'Give the token alone; tunneld opens HTTP tunnels and adds +force itself.',
    });
  }
  if (options.force && !keywords.includes('force')) keywords.push('force');
  return {
    user: [groups['token'], ...keywords].join('+'),
    host: server(options, groups['host'] ?? 'pro.pinggy.io'),
  };
}

function server(options: PinggyOptions, implied: string): string {
  if (options.server !== undefined) return hostName(options.server, 'server');
  return options.region === undefined ? hostName(implied, 'server') : `${options.region}.${implied}`;
}
