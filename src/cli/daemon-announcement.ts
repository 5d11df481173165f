import type { Readable } from 'node:stream';
import { isErrorCode, TunneldError } from '../core/errors.ts';

/** What a daemon says while it starts, as JSON lines on the descriptor it was given for that. */
export type Announcement =
  | { readonly kind: 'ready'; readonly version: string; readonly pid: number; readonly socket: string }
  | { readonly kind: 'step'; readonly doing: string }
  | { readonly kind: 'error'; readonly error: TunneldError }
  | { readonly kind: 'unusable'; readonly text: string };

/** Calls back on each line, and on one without its end, from a daemon that died: better than nothing. */
export function onAnnouncement(ready: Readable, listener: (announcement: Announcement) => void): void {
  let text = '';
  ready.setEncoding('utf8');
  ready.on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) listener(readAnnouncement(line));
  });
  ready.on('end', () => {
    if (text !== '') listener(readAnnouncement(text));
  });
}

interface Said {
  readonly doing?: unknown;
  readonly version?: unknown;
  readonly pid?: unknown;
  readonly socket?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly remedy?: unknown };
}

function readAnnouncement(line: string): Announcement {
  let said: Said;
  try {
    said = JSON.parse(line);
  } catch {
    return { kind: 'unusable', text: `The daemon said something unexpected: ${line.slice(0, 200)}` };
  }
  const { doing, error, version, pid, socket } = said;
  if (typeof doing === 'string') return { kind: 'step', doing };
  if (error === undefined)
    return { kind: 'ready', version: String(version), pid: Number(pid), socket: String(socket) };
  const { code, message, remedy } = error;
  return {
    kind: 'error',
    error: new TunneldError(
      typeof code === 'string' && isErrorCode(code) ? code : 'DAEMON_START_FAILED',
      String(message ?? 'The daemon gave no reason'),
      typeof remedy === 'string' ? { remedy } : {},
    ),
  };
}
