import type { EdgePage, PageJudgement } from '../../core/edge-page.ts';

/** ngrok's edge names the reason in this header whenever it answers by itself. */
const HEADER = 'ngrok-error-code';
const RATE_WAIT_MS = 60_000;

type Row = Omit<PageJudgement, 'detail'> & { readonly says: string };

const carrier = (says: string): Row => ({ finding: 'not-ours', says });
const account = (says: string): Row => ({
  finding: 'limited',
  says,
  remedy: 'Look at billing and account status on https://dashboard.ngrok.com.',
});

/** What visitors are told (https://ngrok.com/docs/errors/), and what it says about the way to us. */
const ROWS: Readonly<Record<number, Row>> = {
  3004: carrier('the agent gave no usable answer'),
  3005: carrier('the edge cannot reach the agent'),
  3006: carrier('the edge cannot reach the agent'),
  3007: carrier('the edge cannot reach the agent'),
  3008: carrier('the edge cannot reach the agent'),
  3200: carrier('the endpoint is offline'),
  3210: carrier('the agent could not forward the request'),
  8012: carrier('the agent cannot reach the gateway'),
  3205: {
    finding: 'edge-auth',
    says: 'this address may not connect',
    remedy: 'Let this machine connect too: `ngrok.allow`, `ngrok.deny`, and the IP policies of the account.',
  },
  3211: {
    finding: 'edge-auth',
    says: 'this user agent may not connect',
    remedy: "Let tunneld's probes and your MCP clients through the rule about user agents.",
  },
  6024: {
    finding: 'edge-auth',
    says: 'a warning page for browsers is in the way',
    remedy: 'Clients pass it with the header `ngrok-skip-browser-warning`; paid plans have none.',
  },
  725: { finding: 'limited', says: 'the bandwidth of the month is used up' },
  727: { finding: 'limited', says: 'the requests of the month are used up' },
  734: { finding: 'limited', says: 'too many requests in a minute', retryAfterMs: RATE_WAIT_MS },
  3208: account('the account is suspended'),
  8014: account('the account is suspended'),
};

/** What an answer of ngrok's own edge means; undefined when it is none, or says nothing we know. */
export function judgeNgrokPage({ status, header }: EdgePage): PageJudgement | undefined {
  const [code, number] = /^ERR_NGROK_(\d{1,6})$/.exec(header(HEADER) ?? '') ?? [];
  const row = ROWS[Number(number)];
  if (code === undefined || row === undefined) return undefined;
  const { says, ...rest } = row;
  return { ...rest, detail: `ngrok answers ${code}: ${says} (${status})` };
}
