import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import tls from 'node:tls';
import { type Authority, type Certificate, makeAuthority } from '../certificate.ts';
import { TestEndpoint } from './endpoint.ts';
import { MuxadoSession, type MuxadoStream } from './muxado.ts';
import { type Auth, authSchema, type Bind, bindSchema, onJson, onRequest, refusal, STREAM } from './rpc.ts';

export interface Refusal {
  readonly message: string;
  readonly code: string;
}

interface Agent {
  readonly session: MuxadoSession;
  readonly socket: tls.TLSSocket;
  authenticated: boolean;
}

/** A domain that is not asked for by name gets this one, as every account has a domain of its own. */
const DEV_DOMAIN = 'tunneld-test.ngrok-free.dev';

/** An ngrok edge on loopback that speaks the protocol of the real SDK, with levers for what can go wrong. */
export class NgrokEdge implements AsyncDisposable {
  /** Whom agents and visitors have to trust. */
  readonly authority: Authority = makeAuthority();
  readonly #certificate: Certificate = this.authority.issue();
  /** Everything agents said, oldest first. */
  readonly auths: Auth[] = [];
  readonly binds: Bind[] = [];
  readonly unbinds: string[] = [];
  /** Asked at every auth and bind. */
  refuseAuth: ((auth: Auth) => Refusal | undefined) | undefined;
  refuseBind: ((bind: Bind) => Refusal | undefined) | undefined;
  /** Auth stays unanswered. */
  hold = false;
  /** Heartbeats stay unanswered. */
  deaf = false;
  /** What a session held stays held when it ends without a word, until this is false again. */
  lingering = false;
  sessionLimit = Number.POSITIVE_INFINITY;
  readonly #server: tls.Server;
  readonly #sockets = new Set<Socket>();
  readonly #agents = new Set<Agent>();
  readonly #ghosts = new Set<Agent>();
  readonly #endpoints = new Map<string, TestEndpoint>();
  #ids = 0;
  #port = 0;

  private constructor() {
    this.#server = tls.createServer({ ...this.#certificate }, (socket) => this.#connected(socket));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async start(): Promise<NgrokEdge> {
    const edge = new NgrokEdge();
    await edge.restart();
    return edge;
  }

  get address(): string {
    return `localhost:${this.#port}`;
  }

  /** TCP connections of agents. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Authenticated sessions, those included that the edge only believes in. */
  get sessions(): number {
    return [...this.#agents].filter(({ authenticated }) => authenticated).length + this.#ghosts.size;
  }

  /** Domains that are online. */
  get online(): readonly string[] {
    return [...this.#endpoints.values()]
      .filter(({ holder }) => holder !== undefined)
      .map(({ domain }) => domain);
  }

  /** Streams open over all sessions. */
  get streams(): number {
    return [...this.#agents].reduce((sum, { session }) => sum + session.streams, 0);
  }

  endpoint(domain = DEV_DOMAIN): TestEndpoint {
    const endpoint = this.#endpoints.get(domain);
    if (endpoint === undefined) throw new Error(`${domain} was never bound`);
    return endpoint;
  }

  /** Cuts every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** No new connections, and none of the old ones. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.drop();
    await closed;
  }

  /** Listens again where it listened before. */
  async restart(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** The edge takes an endpoint back. */
  stopTunnel({ message, code }: { readonly message: string; readonly code: string | null }): void {
    for (const endpoint of this.#endpoints.values()) {
      const { holder, id } = endpoint;
      if (holder === undefined || id === undefined) continue;
      this.#send(holder.open(), STREAM.stopTunnel, { Id: id, Message: message, ErrorCode: code });
      endpoint.release(holder);
    }
  }

  /** Tells every agent to stop, restart or update, and gives their answers. */
  async command(name: 'stop' | 'restart' | 'update'): Promise<readonly string[]> {
    const request = name === 'update' ? { Version: '9.9.9', PermitMajorVersion: false } : {};
    return await Promise.all(
      [...this.#agents].map(async ({ session }) => {
        const stream = session.open();
        this.#send(stream, STREAM[name], request);
        return await textOf(stream);
      }),
    );
  }

  /** The edge no longer believes in sessions that ended. */
  bury(): void {
    this.lingering = false;
    for (const ghost of this.#ghosts) this.#release(ghost);
    this.#ghosts.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.close()));
  }

  #connected(socket: tls.TLSSocket): void {
    socket.setNoDelay(true);
    const session = new MuxadoSession(socket, {
      onStream: (stream) => this.#serve(agent, stream),
      onClose: () => this.#left(agent),
    });
    const agent: Agent = { session, socket, authenticated: false };
    this.#agents.add(agent);
  }

  #left(agent: Agent): void {
    this.#agents.delete(agent);
    if (this.lingering && agent.authenticated) this.#ghosts.add(agent);
    else this.#release(agent);
  }

  #release(agent: Agent): void {
    for (const endpoint of this.#endpoints.values()) endpoint.release(agent.session);
  }

  #serve(agent: Agent, stream: MuxadoStream): void {
    onRequest(stream, (type, first) => {
      const answer = (reply: object) => stream.end(JSON.stringify(reply));
      if (type === STREAM.heartbeat) this.#echo(stream, first);
      else if (type === STREAM.auth) onJson(stream, first, (value) => this.#auth(agent, value, answer));
      else if (type === STREAM.bind) onJson(stream, first, (value) => void this.#bind(agent, value, answer));
      else if (type === STREAM.unbind) onJson(stream, first, (value) => this.#unbind(value, answer));
      else stream.destroy();
    });
  }

  #echo(stream: MuxadoStream, first: Buffer): void {
    const echo = (chunk: Buffer) => {
      if (!this.deaf) stream.write(chunk);
    };
    if (first.length > 0) echo(first);
    stream.on('data', echo);
    stream.resume();
  }

  #auth(agent: Agent, value: unknown, answer: (reply: object) => void): void {
    const auth = authSchema.parse(value);
    this.auths.push(auth);
    if (this.hold) return;
    const full = this.sessions >= this.sessionLimit;
    const refused = this.refuseAuth?.(auth) ?? (full ? TOO_MANY : undefined);
    if (refused !== undefined) {
      answer(refusal(refused.message, refused.code));
      return;
    }
    agent.authenticated = true;
    const extra = {
      Version: 'test',
      Region: 'local',
      Cookie: 'cookie',
      AccountName: 'Test',
      PlanName: 'Free',
    };
    answer({ Version: '3', ClientId: auth.ClientId || this.#nextId('client'), Extra: extra });
  }

  async #bind(agent: Agent, value: unknown, answer: (reply: object) => void): Promise<void> {
    const bind = bindSchema.parse(value);
    this.binds.push(bind);
    const domain = bind.Opts.Domain || DEV_DOMAIN;
    const endpoint = this.#endpoints.get(domain) ?? (await TestEndpoint.open(domain, this.#certificate));
    this.#endpoints.set(domain, endpoint);
    const taken = endpoint.holder !== undefined && !bind.Extra.PoolingEnabled;
    const refused = this.refuseBind?.(bind) ?? (taken ? alreadyOnline(endpoint.url) : undefined);
    if (refused !== undefined) {
      answer(refusal(refused.message, refused.code));
      return;
    }
    const id = bind.Id || this.#nextId('endpoint');
    try {
      endpoint.bind(id, agent.session, bind.Opts.TrafficPolicy);
    } catch (error) {
      answer(refusal(`The traffic policy is not valid: ${String(error)}`, 'ERR_NGROK_2201'));
      return;
    }
    const { Proto, Opts } = bind;
    answer({ Id: id, URL: endpoint.url, Proto, Opts, Extra: { Token: `token-${id}` } });
  }

  /** Agents say it two or three times. */
  #unbind(value: unknown, answer: (reply: object) => void): void {
    const { Id } = value as { Id: string };
    this.unbinds.push(Id);
    for (const endpoint of this.#endpoints.values()) endpoint.unbind(Id);
    answer({});
  }

  #send(stream: MuxadoStream, type: number, value: object): void {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(type);
    stream.write(Buffer.concat([head, Buffer.from(JSON.stringify(value))]));
  }

  #nextId(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }
}

const TOO_MANY: Refusal = {
  message: 'Your account is limited to 1 simultaneous ngrok agent sessions.',
  code: 'ERR_NGROK_108',
};

function alreadyOnline(url: string): Refusal {
  return { message: `The endpoint '${url}' is already online.`, code: 'ERR_NGROK_334' };
}

async function textOf(stream: MuxadoStream): Promise<string> {
  let text = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}
