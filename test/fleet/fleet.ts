import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../helpers/free-port.ts';
import { type FleetServer, startServer } from './server.ts';

export interface FleetMember {
  readonly name: string;
  /** The folder of its packages in `.cache/fleet`. */
  readonly packages: string;
  /** Where its MCP endpoint is, and with which transport. */
  readonly path: '/sse' | '/mcp';
  start(): Promise<FleetServer>;
}

const FLEET = fileURLToPath(new URL('../../.cache/fleet/', import.meta.url));
const program = (name: string) => fileURLToPath(new URL(`./servers/${name}`, import.meta.url));

/** Real servers, in the versions that probes were seen to harm and in those that came after. */
export const fleet: readonly FleetMember[] = [
  { name: 'supergateway', packages: 'supergateway', path: '/sse', start: startSupergateway },
  node('one-transport-express4', 'express4', 'one-transport.mjs'),
  node('one-transport-express5', 'express5', 'one-transport.mjs'),
  node('sdk-v1-sse', 'express5', 'many-transports.mjs'),
  python('mcp-1.29'),
  python('mcp-1.30'),
  python('mcp-2.3'),
  python('fastmcp-2'),
  python('fastmcp-4'),
];

export function isInstalled({ packages }: FleetMember): boolean {
  return existsSync(join(FLEET, packages, 'installed'));
}

function node(name: string, packages: string, file: string): FleetMember {
  const cwd = join(FLEET, packages);
  const start = () => startServer({ command: process.execPath, args: [program(file)], cwd });
  return { name, packages, path: '/sse', start };
}

function python(packages: string): FleetMember {
  const cwd = join(FLEET, packages);
  const start = () =>
    startServer({ command: join(cwd, 'bin', 'python'), args: [program('stateful.py')], cwd });
  // A tunnel's name has no dots.
  return { name: packages.replaceAll('.', '-'), packages, path: '/mcp', start };
}

/** It cannot be told "any port", and tells of its sessions in what it prints only. */
async function startSupergateway(): Promise<FleetServer> {
  const cwd = join(FLEET, 'supergateway');
  const module = (name: string) => join(cwd, 'node_modules', name, 'dist/index.js');
  const child = `${process.execPath} ${module('@modelcontextprotocol/server-everything')} stdio`;
  const port = await freePort();
  const args = [module('supergateway'), '--stdio', child, '--port', String(port)];
  return startServer({
    command: process.execPath,
    args,
    cwd,
    port,
    ready: /Listening on port/,
    countIn(printed) {
      const count = (pattern: RegExp) => printed.match(pattern)?.length ?? 0;
      const opened = count(/New SSE connection/g);
      return { opened, open: opened - count(/Client disconnected/g) };
    },
  });
}
