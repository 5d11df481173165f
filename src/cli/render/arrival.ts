import { stateWord } from '../../core/readiness.ts';
import type { TunnelStatus } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import type { Settled } from '../settle.ts';
import { clientConfig, TOKEN_PLACEHOLDER } from './client-config.ts';
import { printable } from './printable.ts';

/** One tunnel that `up` brought up, or tried to. */
export interface Arrival {
  readonly status: TunnelStatus;
  readonly created: boolean;
  readonly changed: boolean;
  /** Only when this up made it. */
  readonly token?: string;
  /** Absent when nobody waited. */
  readonly settled?: Settled;
}

/** What somebody does next with it: the URL, the token, and both as a client wants them. */
export function arrivalLines({ status, token }: Arrival, paint: Paint): readonly string[] {
  const { name, mcpUrl, insecurePublic, state } = status;
  if (state === 'failed') return [`${paint.bold(name)} has failed; \`tunneld status ${name}\` shows why`];
  const head = `${paint.bold(name)} is ${stateWord(status)}`;
  if (mcpUrl === undefined) return [`${head}; \`tunneld status ${name}\` shows how it goes on`];
  const tokenLine = insecurePublic
    ? 'none: anybody with the URL reaches the server'
    : (token ?? `see \`tunneld token show ${name}\``);
  const hint =
    insecurePublic || token !== undefined
      ? []
      : [`Set it first: export TUNNELD_TOKEN="$(tunneld token show ${name})"`];
  return [
    head,
    '',
    `  URL    ${paint.cyan(printable(mcpUrl))}`,
    `  token  ${tokenLine}`,
    '',
    'For your MCP client:',
    ...JSON.stringify(configOf(status, mcpUrl, token), undefined, 2)
      .split('\n')
      .map(printable),
    ...hint,
  ];
}

/** `up --json`; its shape is in docs/cli.md. */
export function arrivalJson({ status, created, changed, token, settled }: Arrival) {
  const { name, mcpUrl } = status;
  return {
    name,
    outcome: settled?.outcome ?? 'not-waited',
    created,
    changed,
    ...(mcpUrl === undefined ? {} : { url: mcpUrl, client: configOf(status, mcpUrl, token) }),
    ...(token === undefined ? {} : { token }),
    status,
  };
}

function configOf({ name, insecurePublic }: TunnelStatus, url: string, token: string | undefined) {
  return clientConfig(name, url, insecurePublic ? undefined : (token ?? TOKEN_PLACEHOLDER));
}
