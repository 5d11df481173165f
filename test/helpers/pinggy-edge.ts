import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { type Certificate, makeCertificate } from './certificate.ts';
import { type EdgeOptions, parseEdgeOptions, refusal, rewrittenHeaders } from './pinggy-edge-options.ts';

/** How the edge treats the next client that logs in. */
export type EdgeMode =
  | 'serve'
  /** Refuses the login: OpenSSH says "Permission denied". */
  | 'deny'
  /** Lets nobody forward: OpenSSH says "remote port forwarding failed". */
  | 'refuse-forward'
  /** Accepts everything and gives no URL before `release`. */
  | 'no-url'
  /** Prints its URLs but has no web debugger. */
  | 'no-debugger';

export interface EdgeSession {
  /** User name of the login: `TOKEN+force`. */
  readonly user: string;
  /** The remote options, as they arrived. */
  readonly options: string;
  readonly publicUrl: URL;
}

/** Port the client is told for its remote forwarding; any number will do, there is one forwarding. */
const FORWARDED_PORT = 8;
const FREE_MINUTES = 60;
/** RSA, as Pinggy's. */
const HOST_KEY = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private;

/**
 * Pinggy's side, on loopback: an SSH server that accepts `none`, parses the option string, prints
 * the banner with CRLF, serves `/urls` to port forwardings, and carries visitors over HTTPS.
 *
 * One live session a token, as the real one: a second login is refused unless it says `+force`.
 */
export class PinggyEdge implements AsyncDisposable {
  mode: EdgeMode = 'serve';
  /** Printed instead of the usual greeting. */
  greeting: readonly string[] | undefined;
  readonly certificate: Certificate = makeCertificate();
  /** Every login so far, in order. */
  readonly logins: EdgeSession[] = [];
  readonly #live = new Map<Connection, LiveSession>();
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];
  /** Port of each token's public address: a token keeps its URL. */
  readonly #ports = new Map<string, number>();
  readonly #ssh: ssh2.Server;
  readonly #listener: net.Server;

  private constructor() {
    this.#ssh = new ssh2.Server({ hostKeys: [HOST_KEY] }, (client) => this.#onClient(client));
    this.#listener = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
      this.#ssh.injectSocket(socket);
    });
  }

  static async start(): Promise<PinggyEdge> {
    const edge = new PinggyEdge();
    edge.#listener.listen(0, '127.0.0.1');
    await once(edge.#listener, 'listening');
    return edge;
  }

  get port(): number {
    return portOf(this.#listener);
  }

  /** Clients connected now, whatever became of their login. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Sessions with a public URL. */
  get live(): number {
    return this.#live.size;
  }

  /** The network between client and edge goes away without a word. */
  goSilent(): void {
    for (const socket of this.#sockets) {
      socket.pause();
      // Paused is not enough: what ssh2 would still write must not arrive either.
      socket.write = () => true;
    }
  }

  /** Cuts every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Gives those who wait for a URL theirs. */
  release(): void {
    for (const serve of this.#waiting.splice(0)) serve();
  }

  /** Ends every session politely, as when the 60 minutes are over. */
  expire(): void {
    for (const client of this.#live.keys()) client.end();
  }

  /** The endpoint goes away, the SSH connection stays: a zombie. */
  async retire(): Promise<void> {
    for (const session of this.#live.values()) {
      session.urls = [];
      await session.closeListeners();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.drop();
    for (const session of this.#live.values()) await session.closeListeners();
  }

  #onClient(client: Connection): void {
    let user = '';
    client.on('error', () => {});
    client.on('authentication', (context) => {
      user = context.username;
      if (this.mode === 'deny') context.reject(['publickey', 'password']);
      else context.accept();
    });
    client.on('request', (accept, reject, name) => {
      if (name !== 'tcpip-forward' || this.mode === 'refuse-forward') reject?.();
      else (accept as ((port: number) => void) | undefined)?.(FORWARDED_PORT);
    });
    client.on('tcpip', (accept, reject, info) => {
      const wanted = info.destIP === 'localhost' && info.destPort === 4300 && this.mode !== 'no-debugger';
      if (!wanted) reject();
      else serveDebugger(accept(), () => this.#live.get(client)?.urls ?? []);
    });
    client.on('session', (accept) => {
      const session = accept();
      session.on('pty', (acceptPty) => acceptPty?.());
      session.on('exec', (acceptExec, _reject, { command }) => {
        void this.#begin(client, user, command, acceptExec());
      });
    });
    client.on('close', () => this.#live.delete(client));
  }

  async #begin(client: Connection, user: string, command: string, channel: ServerChannel): Promise<void> {
    const say = (...lines: string[]) => channel.write(lines.map((line) => `${line}\r\n`).join(''));
    channel.on('error', () => {});
    const [token = '', ...keywords] = user.split('+');
    const others = [...this.#live].filter(([, session]) => session.token === token && isToken(token));
    if (others.length > 0 && !keywords.includes('force')) {
      say(`Login is not allowed: A tunnel with the same token (${token}) is already active.`);
      channel.once('close', () => client.end());
      channel.exit(1);
      channel.end();
      return;
    }
    for (const [other, { closeListeners }] of others) {
      this.#live.delete(other);
      await closeListeners();
      other.end();
    }

    const options = parseEdgeOptions(command);
    const session = new LiveSession(client, token, options, this.certificate);
    await session.listen(isToken(token) ? this.#ports.get(token) : undefined);
    if (isToken(token)) this.#ports.set(token, session.port);
    this.logins.push({ user, options: command, publicUrl: new URL(session.httpsUrl) });
    const serve = () => {
      this.#live.set(client, session);
      say(...(this.greeting ?? usualGreeting(isToken(token), session)));
    };
    client.on('close', () => void session.closeListeners());
    if (this.mode === 'no-url') this.#waiting.push(serve);
    else serve();
  }
}

/** What the free edge and the paid one print; `root` is what OpenSSH sends when no user was given. */
function usualGreeting(authenticated: boolean, session: LiveSession): string[] {
  const who = authenticated
    ? ['You are authenticated as somebody@example.com']
    : [
        'You are not authenticated.',
        `Your tunnel will expire in ${FREE_MINUTES} minutes. Upgrade to Pinggy Pro to get unrestricted tunnels. https://dashboard.pinggy.io`,
      ];
  return [...who, '', session.httpUrl, session.httpsUrl, ''];
}

function isToken(user: string): boolean {
  return user !== 'root' && user !== '';
}

/** One tunnel at the edge: its public listeners and the way back to the client. */
class LiveSession {
  readonly token: string;
  urls: readonly string[] = [];
  readonly #client: Connection;
  readonly #options: EdgeOptions;
  readonly #plain: http.Server;
  readonly #secure: https.Server;

  constructor(client: Connection, token: string, options: EdgeOptions, certificate: Certificate) {
    this.#client = client;
    this.token = token;
    this.#options = options;
    this.#secure = https.createServer({ key: certificate.key, cert: certificate.cert }, (request, response) =>
      this.#carry(request, response),
    );
    this.#plain = http.createServer((request, response) => {
      if (!options.httpsOnly) this.#carry(request, response);
      else response.writeHead(301, { location: `${this.httpsUrl}${request.url}` }).end();
    });
  }

  get port(): number {
    return portOf(this.#secure);
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${portOf(this.#plain)}`;
  }

  get httpsUrl(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async listen(port: number | undefined): Promise<void> {
    this.#secure.listen(port ?? 0, '127.0.0.1');
    this.#plain.listen(0, '127.0.0.1');
    await Promise.all([once(this.#secure, 'listening'), once(this.#plain, 'listening')]);
    this.urls = [this.httpUrl, this.httpsUrl];
  }

  readonly closeListeners = async (): Promise<void> => {
    for (const server of [this.#plain, this.#secure]) {
      if (!server.listening) continue;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  };

  #carry(request: IncomingMessage, response: ServerResponse): void {
    const address = request.socket.remoteAddress ?? '';
    const refused = refusal(this.#options, request, address);
    if (refused === 'ignored') {
      request.socket.destroy();
      return;
    }
    if (refused !== undefined) {
      response.writeHead(refused, { 'content-type': 'text/plain' }).end('Unauthorized');
      return;
    }
    const { remotePort = 0 } = request.socket;
    this.#client.forwardOut('localhost', FORWARDED_PORT, address, remotePort, (error, channel) => {
      if (error !== undefined)
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
      else this.#pass(request, response, channel, address);
    });
  }

  #pass(request: IncomingMessage, response: ServerResponse, channel: Duplex, address: string): void {
    const headers = rewrittenHeaders(this.#options, request, address);
    channel.on('error', () => response.destroy());
    // `http.request` takes any duplex; its types want a socket.
    const createConnection = () => channel as Socket;
    const onward = http.request({ createConnection, method: request.method, path: request.url, headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy()).pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => {
      onward.destroy();
      channel.destroy();
    });
    request.pipe(onward);
  }
}

/** The one resource of the web debugger that the tests need; enough HTTP for one request. */
function serveDebugger(channel: ServerChannel, urls: () => readonly string[]): void {
  let head = '';
  channel.on('error', () => {});
  channel.on('data', (chunk: Buffer) => {
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    const known = head.startsWith('GET /urls ');
    const body = known ? JSON.stringify({ urls: urls() }) : 'not found';
    const status = known ? '200 OK' : '404 Not Found';
    channel.end(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
}

function portOf(server: net.Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0;
}

/** A token as Pinggy makes them: letters and digits. */
export function makeToken(): string {
  return `tk${randomBytes(8).toString('hex')}`;
}
