import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { TestEngine } from './docker-engine.ts';
import { listen, type TestServer } from './mcp-servers.ts';

export interface ImageRegistry extends TestServer {
  /** What to pull. */
  readonly image: string;
  /** The same by digest. */
  readonly pinned: string;
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
/** A layer comes in this many pieces, with a pause after each, as over a network. */
const PIECES = 20;
const PAUSE_MS = 15;

/**
 * A registry on loopback with one image in it, copied from the engine. Engines pull from loopback
 * without TLS.
 *
 * @see https://distribution.github.io/distribution/spec/api/
 */
export async function startRegistry(engine: TestEngine, image: string): Promise<ImageRegistry> {
  const { config, layers } = await saved(engine, image);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described(config, 'application/vnd.docker.container.image.v1+json'),
      layers: layers.map((layer) => described(layer, 'application/vnd.docker.image.rootfs.diff.tar.gzip')),
    }),
  );
  const blobs = new Map([config, ...layers].map((blob) => [digestOf(blob), blob]));
  const server = await listen((request, response) => {
    const path = request.url ?? '';
    const blob = blobs.get(/\/blobs\/(.*)$/.exec(path)?.[1] ?? '');
    if (path === '/v2/') response.end('{}');
    else if (path.includes('/manifests/1') || path.includes(`/manifests/${digestOf(manifest)}`)) {
      response.setHeader('docker-content-digest', digestOf(manifest));
      response.setHeader('content-length', manifest.length);
      response.setHeader('content-type', MANIFEST).end(request.method === 'HEAD' ? undefined : manifest);
    } else if (blob !== undefined) void trickle(blob, response);
    else response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  });
  const name = `127.0.0.1:${server.port}/pinggy/pinggy`;
  return Object.assign(server, { image: `${name}:1`, pinned: `${name}@${digestOf(manifest)}` });
}

async function saved(engine: TestEngine, image: string): Promise<{ config: Buffer; layers: Buffer[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tnl-image-'));
  try {
    await pipeline(await engine.docker.getImage(image).get(), createWriteStream(join(folder, 'image.tar')));
    execFileSync('tar', ['-C', folder, '-xf', join(folder, 'image.tar')]);
    const read = (name: string) => readFileSync(join(folder, name));
    const [{ Config, Layers }] = JSON.parse(read('manifest.json').toString()) as [
      { Config: string; Layers: string[] },
    ];
    return { config: read(Config), layers: Layers.map((layer) => gzipSync(read(layer), { level: 1 })) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function trickle(blob: Buffer, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': blob.length });
  const size = Math.ceil(blob.length / PIECES);
  for (let at = 0; at < blob.length; at += size) {
    response.write(blob.subarray(at, at + size));
    await delay(PAUSE_MS);
  }
  response.end();
}

function described(blob: Buffer, mediaType: string) {
  return { mediaType, size: blob.length, digest: digestOf(blob) };
}

function digestOf(blob: Buffer): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`;
}
