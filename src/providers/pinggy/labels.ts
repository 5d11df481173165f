import { createHmac } from 'node:crypto';
import type { SessionOwner } from '../provider.ts';

/** What a container of ours carries. Visible to all who may list containers: no secret in it. */
export const LABEL = {
  instance: 'io.tunneld.instance',
  /** Of the daemon's state folder: finds what is ours when its id was lost with the rest of its state. */
  place: 'io.tunneld.place',
  tunnel: 'io.tunneld.tunnel',
  /** Of everything the container was made from, secrets included: equal means adoptable. */
  fingerprint: 'io.tunneld.fingerprint',
  /** Loopback port of the web debugger; `0` when off. */
  debuggerPort: 'io.tunneld.debugger-port',
} as const;

/**
 * A keyed digest: without the daemon's key nobody can try guesses of a weak password against it.
 *
 * @param wanted anything that survives JSON; equal structures give equal fingerprints.
 */
export function fingerprintOf(owner: SessionOwner, wanted: unknown): string {
  return createHmac('sha256', owner.key.reveal()).update(JSON.stringify(wanted)).digest('hex').slice(0, 32);
}

/** For the engine's list call: what carries this mark, of one tunnel or all. */
export function labelFilter(mark: 'instance' | 'place', value: string, tunnel?: string): string[] {
  const mine = `${LABEL[mark]}=${value}`;
  return tunnel === undefined ? [mine] : [mine, `${LABEL.tunnel}=${tunnel}`];
}
