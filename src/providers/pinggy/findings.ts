import { TunneldError } from '../../core/errors.ts';
import type { Finding } from '../../core/status.ts';
import type { SessionOwner } from '../provider.ts';
import type { Engine } from './engine.ts';
import { hasImage } from './image.ts';
import { LABEL } from './labels.ts';
import { listOwn } from './leftovers.ts';
import type { PinggyOptions } from './options.ts';
import { fetchTunnelUrls } from './web-debugger.ts';

export interface Subject {
  readonly options: PinggyOptions;
  readonly tunnel: string;
  /** Undefined when the daemon has no lasting identity: then its containers cannot be told apart. */
  readonly owner: SessionOwner | undefined;
}

/**
 * The first half of the ladder everybody climbs when a Pinggy tunnel does not work: engine, image,
 * container, edge. The other half (local server, through the URL) is the health report's.
 */
export async function findings(
  subject: Subject,
  connect: () => Promise<Engine>,
): Promise<readonly Finding[]> {
  const engine = await connect().catch((error: unknown) => failed('engine', error));
  if (!('facts' in engine)) return [engine];
  const good = ok('engine', `${engine.describe()}, API ${engine.facts.apiVersion}`);
  const image = await look('image', () => imageFinding(engine, subject.options.image));
  const { finding, debuggerPort } = await containerFinding(engine, subject).catch((error: unknown) => ({
    finding: failed('container', error),
    debuggerPort: undefined,
  }));
  if (debuggerPort === undefined) return [good, image, finding];
  return [good, image, finding, await look('edge', () => edgeFinding(debuggerPort, subject.options))];
}

async function imageFinding(engine: Engine, image: string): Promise<Finding> {
  if (await hasImage(engine, image)) return ok('image', `${image} is on the engine`);
  return bad('image', `${image} is not on the engine yet`, 'It is pulled when the tunnel opens.');
}

async function containerFinding(
  engine: Engine,
  { owner, tunnel }: Subject,
): Promise<{ finding: Finding; debuggerPort: number | undefined }> {
  const own = owner === undefined ? [] : await listOwn(engine, owner, tunnel);
  const [first] = own;
  if (first === undefined) {
    const finding = bad('container', 'no container for this tunnel', `Run \`tunneld restart ${tunnel}\`.`);
    return { finding, debuggerPort: undefined };
  }
  const name = (first.Names[0] ?? first.Id).replace(/^\//, '');
  const running = first.State === 'running' && !first.Status.includes('Paused');
  const finding = running
    ? ok('container', `${name}: ${first.Status}`)
    : bad('container', `${name} is ${first.State}`, 'It is replaced within seconds; look at `tunneld logs`.');
  const port = Number(first.Labels[LABEL.debuggerPort]);
  return { finding, debuggerPort: running && port > 0 ? port : undefined };
}

async function edgeFinding(port: number, options: PinggyOptions): Promise<Finding> {
  const urls = await fetchTunnelUrls(port, options.livenessTimeoutMs).catch(() => undefined);
  const remedy = 'Check outbound access to Pinggy; tunneld replaces a session whose edge stays silent.';
  if (urls === undefined) return bad('edge', 'the edge does not answer through the session', remedy);
  if (urls.length === 0) return bad('edge', 'the edge has no URL for the session', remedy);
  return ok('edge', `the edge serves ${urls.map(({ origin }) => origin).join(', ')}`);
}

async function look(name: string, run: () => Promise<Finding>): Promise<Finding> {
  return await run().catch((error: unknown) => failed(name, error));
}

function ok(name: string, detail: string): Finding {
  return { name, ok: true, detail, remedy: '' };
}

function bad(name: string, detail: string, remedy: string): Finding {
  return { name, ok: false, detail, remedy };
}

function failed(name: string, error: unknown): Finding {
  if (error instanceof TunneldError) return bad(name, `${error.code}: ${error.message}`, error.remedy);
  return bad(name, String(error), 'Look at `tunneld logs`.');
}
