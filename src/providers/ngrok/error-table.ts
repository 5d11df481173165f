import type { ErrorCode } from '../../core/errors.ts';

/** What one of ngrok's codes means for the next attempt. */
export interface Meaning {
  readonly code: ErrorCode;
  /**
   * `never`: until the user changes something. `once`: a fresh session may differ. `ghost`: perhaps
   * our own last session, which the edge still believes in. `later`: a matter of time.
   */
  readonly retry: 'never' | 'once' | 'ghost' | 'later';
  /** Not sooner than this (milliseconds). */
  readonly waitMs?: number;
  /** The code that says so once waiting has not helped. */
  readonly afterwards?: ErrorCode;
  /** A limit that all tunnels of the account share. */
  readonly limit?: string;
  readonly remedy: string;
}

/** Rate limits are counted by the minute. */
const RATE_WAIT_MS = 60_000;

const AUTHTOKEN = 'Check the authtoken at https://dashboard.ngrok.com/get-started/your-authtoken';
const BILLING = 'Look at billing and account status on https://dashboard.ngrok.com';
const DOMAIN = 'Check `ngrok.domain` against https://dashboard.ngrok.com/domains';
const POLICY = 'Correct `ngrok.trafficPolicy`';
const CLIENT = 'Update tunneld; if it is up to date, report this';
const ACCESS = 'Let this machine connect, in the IP policies and the ACL of the authtoken';
const DOWN = 'Take another tunnel of the account down, or use another plan';

const rejected = (remedy: string): Meaning => ({ code: 'CREDENTIAL_REJECTED', retry: 'never', remedy });
const account = (remedy: string): Meaning => ({ code: 'NGROK_ACCOUNT', retry: 'never', remedy });
const option = (remedy: string): Meaning => ({ code: 'NGROK_OPTION_INVALID', retry: 'never', remedy });
const limit = (name: string, remedy: string): Meaning => ({
  code: 'NGROK_LIMIT',
  retry: 'never',
  limit: name,
  remedy,
});
const full = (name: string): Meaning => ({
  code: 'NGROK_BUSY',
  retry: 'ghost',
  afterwards: 'NGROK_LIMIT',
  limit: name,
  remedy: DOWN,
});
const rate = (name: string): Meaning => ({
  code: 'NGROK_RATE_LIMIT',
  retry: 'later',
  waitMs: RATE_WAIT_MS,
  limit: name,
  remedy: 'Nothing to do: tunneld waits and tries again',
});

const TABLE: readonly (readonly [codes: readonly number[], meaning: Meaning])[] = [
  [[105, 106, 107, 300, 4018], rejected(AUTHTOKEN)],
  [[102, 103, 247, 337, 338, 8014, 3208], account(BILLING)],
  [[115, 116, 9040], account(ACCESS)],
  [[122, 123], account('Verify the address of the account, and look at what its plan permits')],
  [[120, 121], { code: 'NGROK_VERSION', retry: 'never', remedy: 'Update tunneld' }],
  [[108, 348], full('agent sessions at once')],
  [[324, 350], limit('endpoints at once', DOWN)],
  [[725], limit('bandwidth of the month', 'Wait for the next month, or use another plan')],
  [[727], limit('requests of the month', 'Wait for the next month, or use another plan')],
  [[349], rate('new sessions by the minute')],
  [[351], rate('new endpoints by the minute')],
  [[734], rate('requests by the minute')],
  [
    [334],
    {
      code: 'NGROK_BUSY',
      retry: 'ghost',
      afterwards: 'NGROK_ENDPOINT_TAKEN',
      remedy:
        'End the agent that holds the domain, choose another with `ngrok.domain`, or share it with `ngrok.pooling`',
    },
  ],
  [[6030], option('Set `ngrok.pooling` for every agent of the domain, or for none')],
  [[100], option('Shorten `ngrok.metadata`')],
  [[307, 308, 309, 310, 311, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 322, 15002], option(DOMAIN)],
  [[326, 327, 347, 354, 355, 9037, 9038], option(DOMAIN)],
  [
    [359, 360, 15008, 2257, 2258],
    option('Check `ngrok.basicAuth`: user, and a password of 8 to 128 characters'),
  ],
  [[2201, 2202, 2203, 2204, 2205, 2253, 2254, 2255, 2256], option(POLICY)],
  [[109, 301], { code: 'NGROK_VERSION', retry: 'never', remedy: CLIENT }],
  [[110, 335], { code: 'NGROK_FAILED', retry: 'once', afterwards: 'NGROK_VERSION', remedy: CLIENT }],
  [
    [8000, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8008, 8009, 8010, 8011],
    {
      code: 'NGROK_UNREACHABLE',
      retry: 'later',
      remedy: 'Check outbound access to connect.ngrok-agent.com:443; tunneld keeps trying',
    },
  ],
];

const BY_NUMBER: ReadonlyMap<number, Meaning> = new Map(
  TABLE.flatMap(([numbers, meaning]) => numbers.map((number) => [number, meaning] as const)),
);

/** An unknown code may be anything: it is tried again, with the usual pauses. */
const UNKNOWN: Meaning = { code: 'NGROK_FAILED', retry: 'later', remedy: 'tunneld keeps trying' };

/** @param ngrokCode such as `ERR_NGROK_334` */
export function meaningOf(ngrokCode: string): Meaning {
  return BY_NUMBER.get(Number(ngrokCode.replace('ERR_NGROK_', ''))) ?? UNKNOWN;
}

/** Every code with a row of its own. */
export const KNOWN_CODES: readonly number[] = [...BY_NUMBER.keys()];

/** ngrok's own page about a code. */
export function pageOf(ngrokCode: string): string {
  return `https://ngrok.com/docs/errors/${ngrokCode.toLowerCase()}`;
}
