import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Child, startProgram } from './child.ts';
import { hasNginx, startNginx } from './nginx.ts';

export const BULK_BYTES = 10 * 1024 * 1024;

export interface Origin extends Child {
  readonly kind: 'nginx' | 'node';
  /** The Node program behind `/sse` and `/sink`, whichever answers the rest. */
  readonly streams: Child;
}

/** 200 bytes for `GET /small`, 2 KB for `POST /small`, 10 MiB for `GET /bulk`. */
export async function startOrigin(): Promise<Origin> {
  const streams = await startProgram('origin');
  if (!hasNginx) return { ...streams, kind: 'node', streams };
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-bench-origin-'));
  await writeFile(path.join(folder, 'bulk'), Buffer.alloc(BULK_BYTES, 'b'));
  const nginx = await startNginx(
    (port) => `
    upstream streams { server 127.0.0.1:${streams.port}; keepalive 64; }
    server {
      listen 127.0.0.1:${port};
      client_max_body_size 0;
      root ${folder};
      default_type application/json;
      location = /small {
        if ($request_method = POST) { return 200 '${'p'.repeat(2_048)}'; }
        return 200 '${'g'.repeat(200)}';
      }
      location = /bulk { }
      location / {
        proxy_pass http://streams; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_request_buffering off; proxy_buffering off;
      }
    }`,
  );
  return {
    pid: nginx.pid,
    port: nginx.port,
    kind: 'nginx',
    streams,
    async stop() {
      await nginx.stop();
      await streams.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
