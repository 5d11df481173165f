import { TunneldError } from '../../core/errors.ts';
import { matchesPattern } from '../../relay/edge/name-choice.ts';
import { CloseCode } from '../wire/close-codes.ts';
import { decodeRegistrationAnswer, encodeSubdomainPick, type RegisterAck } from '../wire/messages.ts';
import type { TextSocketEnd } from '../wire/text-socket.ts';
import { printable } from './printable.ts';

export type RegistrationStep =
  /** Registered. */
  | { readonly kind: 'registered'; readonly ack: RegisterAck }
  /** Send this and wait on. */
  | { readonly kind: 'reply'; readonly text: string }
  | { readonly kind: 'failed'; readonly error: TunneldError };

export interface Registrant {
  /** `tunnel.example.com:8080`, for messages. */
  readonly relay: string;
  /** The name that was asked for. */
  readonly name: string;
}

/** What a message of the relay asks for until the agent is registered; undefined: nothing. */
export function registrationStep(text: string, registrant: Registrant): RegistrationStep | undefined {
  const answer = decodeRegistrationAnswer(text);
  if (answer === undefined) return undefined;
  if ('url' in answer) return { kind: 'registered', ack: answer };
  const picked = pickFrom(answer.subdomains, registrant.name);
  if (picked !== undefined) return { kind: 'reply', text: encodeSubdomainPick({ subdomain: picked }) };
  const offers = answer.subdomains.slice(0, MAX_SHOWN).map(printable).join(', ') || 'none';
  const message = `The relay ${registrant.relay} does not give the name ${registrant.name} to this token; it offers: ${offers}`;
  return { kind: 'failed', error: new TunneldError('RELAY_NAME_DENIED', message) };
}

/** Why a relay closed the connection before it acknowledged the registration. */
export function registrationRefusal(end: TextSocketEnd, { relay, name }: Registrant): TunneldError {
  const reason = printable(end.reason) || 'no reason given';
  const message = `The relay ${relay} refused the tunnel ${name}: ${reason}`;
  if (end.code === CloseCode.evicted) return new TunneldError('RELAY_SUPERSEDED', message);
  if (end.code !== CloseCode.refused) return new TunneldError('RELAY_UNREACHABLE', message);
  // The one text for everything that may be over in a minute.
  if (end.reason === 'auth provider unavailable') return new TunneldError('RELAY_UNREACHABLE', message);
  const denied = /^subdomain '.*' not authorized|subdomain_not_allowed/.test(end.reason);
  return new TunneldError(denied ? 'RELAY_NAME_DENIED' : 'CREDENTIAL_REJECTED', message);
}

const MAX_SHOWN = 20;

/** Nobody is asked: an agent has no keyboard. */
function pickFrom(offers: readonly string[], name: string): string | undefined {
  if (offers.some((pattern) => matchesPattern(name, pattern))) return name;
  const [only] = offers;
  return offers.length === 1 && only !== undefined && !only.includes('*') ? only : undefined;
}
