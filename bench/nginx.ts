import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../test/helpers/free-port.ts';
import { waitFor } from '../test/helpers/wait-for.ts';
import { type Child, pidOf, spawnBound, stopChild } from './child.ts';

const asked = spawnSync('nginx', ['-v']);

export const hasNginx = asked.status === 0;

/** `nginx/1.22.1`; undefined where it is not installed. */
export const nginxVersion = hasNginx ? /nginx\/\S+/.exec(asked.stderr.toString())?.[0] : undefined;

/** Starts an nginx in one process (so that its CPU is one number) with the given `server` body. */
export async function startNginx(http: (port: number) => string): Promise<Child> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-bench-nginx-'));
  const port = await freePort();
  await writeFile(path.join(folder, 'nginx.conf'), config(folder, http(port)));
  const child = spawnBound('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: 'ignore',
  });
  await waitFor(() => answers(port), { timeoutMs: 5_000, what: `nginx on port ${port}` });
  return {
    pid: pidOf(child),
    port,
    async stop() {
      await stopChild(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A reverse proxy as one would write it for this job: pooled upstreams, streaming, a token check. */
export function reverseProxy(port: number, upstreamPort: number, token: string): string {
  return `
    upstream origin { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000; }
    server {
      listen 127.0.0.1:${port};
      client_max_body_size 0;
      location / {
        if ($http_authorization != "Bearer ${token}") { return 401; }
        proxy_pass http://origin;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host localhost:${upstreamPort};
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_buffering off;
        proxy_request_buffering off;
      }
    }`;
}

function config(folder: string, http: string): string {
  return `
  daemon off; master_process off; worker_processes 1; pid nginx.pid;
  events { worker_connections 8192; }
  http {
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; keepalive_timeout 300;
    client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
    ${http}
  }`;
}

/** Whether somebody listens on a loopback port. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
