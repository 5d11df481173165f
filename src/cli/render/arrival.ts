import type { KeyChange } from '../../control/api.ts';
import { stateWord } from '../../core/readiness.ts';
import type { TunnelStatus } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import type { Settled } from '../settle.ts';
import { changeLines } from './changes.ts';
import { clientFacts, clientLines } from './client-lines.ts';
import { vscodeConfig } from './clients.ts';
import { printable } from './printable.ts';
import { warningsOf } from './warnings.ts';

/** One tunnel that `up` brought up, or tried to. */
export interface Arrival {
  readonly status: TunnelStatus;
  readonly created: boolean;
  readonly changed: boolean;
  readonly changes: readonly KeyChange[];
  /** Only when this up made it. */
  readonly token?: string;
  /** Absent with `--no-wait`. */
  readonly settled?: Settled;
}

/**
 * What somebody does next with it: the URL, the token, and both as a client wants them.
 *
 * @param alone the only one that was asked for; of many, the clients' part would hide the rest
 */
export function arrivalLines(arrival: Arrival, paint: Paint, alone: boolean): readonly string[] {
  const { status, token } = arrival;
  const { name, mcpUrl, insecurePublic, state } = status;
  const changes = arrival.changes.length === 0 ? [] : ['', 'Changed:', ...changeLines(arrival.changes)];
  if (state === 'failed') {
    return [`${paint.bold(name)} has failed; \`tunneld status ${name}\` shows why`, ...changes];
  }
  const head = `${paint.bold(name)} is ${stateWord(status)}`;
  const facts = clientFacts(status);
  if (mcpUrl === undefined || facts === undefined) {
    return [`${head}; \`tunneld status ${name}\` shows how it goes on`, ...changes];
  }
  const tokenLine = insecurePublic
    ? paint.yellow('none: anybody with the URL reaches the server')
    : (token ?? `see \`tunneld token show ${name}\``);
  return [
    head,
    ...changes,
    '',
    `  URL    ${paint.cyan(printable(mcpUrl))}`,
    `  token  ${tokenLine}`,
    ...warningsOf(status).map((warning) => `  ${paint.yellow(`note   ${printable(warning)}`)}`),
    ...(alone
      ? ['', ...clientLines('claude-code', facts), '', ...clientLines('vscode', facts), '', others(name)]
      : []),
  ];
}

/** `up --json`; its shape is in docs/cli.md. */
export function arrivalJson({ status, created, changed, changes, token, settled }: Arrival) {
  const { name, mcpUrl } = status;
  const facts = clientFacts(status);
  return {
    name,
    outcome: settled?.outcome ?? 'not-waited',
    created,
    changed,
    ...(changes.length === 0 ? {} : { changes }),
    ...(facts === undefined ? {} : { url: mcpUrl, client: vscodeConfig(facts) }),
    ...(token === undefined ? {} : { token }),
    status,
  };
}

function others(name: string): string {
  return `Other clients (Cursor, Codex, Gemini, Windsurf, stdio): \`tunneld client ${name}\``;
}
