import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type RunningProgram, runInstalled } from './installed-program.ts';

const GUIDE = new URL('../../docs/relay-behind-a-proxy.md', import.meta.url);

/** What stands in the code blocks of this kind in the guide, with the names of the example replaced. */
export function guideBlock(kind: string, replaced: Readonly<Record<string, string>>): string {
  const blocks = [...readFileSync(GUIDE, 'utf8').matchAll(/^```(\S+)\n(.*?)^```$/gms)];
  const found = blocks.filter(([, language]) => language === kind).map(([, , text]) => text ?? '');
  if (found.length === 0) throw new Error(`the guide has no ${kind} block`);
  let text = found[0] ?? '';
  for (const [from, to] of Object.entries(replaced)) {
    if (!text.includes(from)) throw new Error(`the guide's ${kind} block does not have "${from}"`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** The words of the n-th `tunneld relay` command of the guide, after `tunneld`. */
export function guideCommand(index: number): string[] {
  const text = readFileSync(GUIDE, 'utf8').replaceAll('\\\n', ' ');
  const commands = [...text.matchAll(/^tunneld (relay .*)$/gm)].map(([, words]) => words ?? '');
  return (commands[index] ?? '').trim().split(/\s+/);
}

export interface FrontProxy {
  readonly folder: string;
  readonly port: number;
  /** The guide's block, with our names in it. */
  readonly config: string;
}

/** The block is the guide's; around it is what a distribution's nginx.conf has around it. */
export function startNginx({ folder, port, config }: FrontProxy): Promise<RunningProgram> {
  const file = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => {
    mkdirSync(join(folder, name), { recursive: true });
    return `${name}_temp_path ${join(folder, name)};`;
  });
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${join(folder, 'nginx.pid')}; error_log stderr notice;
    events { worker_connections 256; }
    http { access_log off; ${temporary.join(' ')}\n${config}\n}\n`,
  );
  return runInstalled('nginx', ['-p', folder, '-c', file], () => accepts(port));
}

export function startCaddy({ folder, port, config }: FrontProxy): Promise<RunningProgram> {
  const file = join(folder, 'Caddyfile');
  // Neither its own admin port nor the port 80 of this machine.
  writeFileSync(file, `{\n admin off\n auto_https disable_redirects\n}\n${config}`);
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  return runInstalled(
    'caddy',
    ['run', '--config', file, '--adapter', 'caddyfile'],
    () => accepts(port),
    home,
  );
}

export function startHaproxy({ folder, port, config }: FrontProxy): Promise<RunningProgram> {
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  return runInstalled('haproxy', ['-db', '-f', file], () => accepts(port));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
  });
}
