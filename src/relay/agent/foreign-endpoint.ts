import { TunneldError } from '../../core/errors.ts';

/**
 * What answered is no relay of the protocol that was tried, but may be one of another: the only
 * failure after which it makes sense to try that one.
 */
export class ForeignEndpointError extends TunneldError {
  /** What was asked for, and what came: `/_tunneld/link: it answered 404`. */
  readonly detail: string;
  /** `tunnel.example.com:8080` */
  readonly host: string;

  /** There was no answer at all. */
  readonly silent: boolean;

  /** @param status of the HTTP answer; 0 when it was none, `SILENT` when nothing came */
  constructor(relayUrl: URL, path: string, status: number, refusal: string) {
    // Overloaded, restarting, or a proxy that does not reach it: worth another try.
    const code = status >= 500 || status === 429 ? 'RELAY_UNREACHABLE' : 'NOT_A_RELAY';
    super(code, `${relayUrl.host} did not open a link: ${refusal}`);
    this.silent = status === SILENT;
    this.host = relayUrl.host;
    this.detail = `${path}: ${refusal}`;
  }
}

/** Stands for the status of no answer in time: no server sends it. */
export const SILENT = 599;
