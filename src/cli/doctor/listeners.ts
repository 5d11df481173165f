import { readFileSync } from 'node:fs';

/** A TCP port of this machine with a listener. */
export interface Listener {
  /** `127.0.0.1`, `0.0.0.0`, `::1`, `::`, … as far as doctor has to tell them apart. */
  readonly address: string;
  readonly port: number;
  readonly uid: number;
}

/** All listeners, as Linux tells them; undefined on other systems. */
export function listeners(): readonly Listener[] | undefined {
  try {
    return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => parseListeners(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** @param table the text of `/proc/net/tcp` or `tcp6`: proc(5) */
export function parseListeners(table: string): readonly Listener[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , uid] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      return state === LISTEN
        ? [{ address: readable(address), port: Number.parseInt(port, 16), uid: Number(uid) }]
        : [];
    });
}

const LISTEN = '0A';

export function isEverywhere({ address }: Listener): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Words of four bytes, each in the byte order of the machine. */
function readable(hex: string): string {
  if (hex.length === 8)
    return (hex.match(/../g) ?? [])
      .map((byte) => Number.parseInt(byte, 16))
      .reverse()
      .join('.');
  if (/^0+$/.test(hex)) return '::';
  return hex === '00000000000000000000000001000000' ? '::1' : hex.toLowerCase();
}
