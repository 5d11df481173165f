import { isLoopbackHost } from '../../core/loopback.ts';

/** What there is to know of a session on a relay, a sentence each: what is not encrypted, and its name. */
export function sessionNotes(publicUrl: URL, relayUrl: URL, wanted: string): readonly string[] {
  return [...clearNotes(publicUrl, relayUrl), ...nameNotes(publicUrl, wanted)];
}

/** Who can listen where nothing is encrypted learns the tokens. */
export function clearNotes(publicUrl: URL | undefined, relayUrl: URL): readonly string[] {
  const notes: string[] = [];
  if (publicUrl !== undefined && isClear(publicUrl)) {
    notes.push(
      `Callers reach ${publicUrl.host} over http: access tokens travel in clear. Have the relay serve https.`,
    );
  }
  if (isClear(relayUrl)) {
    notes.push(
      `The link to the relay ${relayUrl.host} is not encrypted: its token and those of callers travel in clear. Use https: for it.`,
    );
  }
  return notes;
}

function isClear({ protocol, hostname }: URL): boolean {
  const local = isLoopbackHost(hostname) || hostname.endsWith('.localhost');
  return (protocol === 'http:' || protocol === 'ws:') && !local;
}

/** A token may stand for one name only, whatever was asked for. */
function nameNotes(publicUrl: URL, wanted: string): readonly string[] {
  const segment = publicUrl.pathname.split('/').findLast((part) => part !== '');
  const name = segment ?? publicUrl.hostname.split('.')[0] ?? '';
  return name === wanted || wanted === '' ? [] : [`The relay gave it the name ${name}, not ${wanted}.`];
}
