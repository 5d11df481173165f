import type { Shown } from '../server.ts';
import { Refusal } from './answers.ts';
import type { Channel } from './channel.ts';
import type { Client, Peer, PeerSource } from './client.ts';
import { OtherEra } from './handshake.ts';
import { type Knowledge, nameOf } from './knowledge.ts';
import { Member } from './member.ts';
import { commonRevision, LEGACY_REVISIONS, MODERN_REVISION } from './revisions.ts';
import { isRecord, isRequest, isResponse, RPC, type RpcMessage } from './rpc.ts';
import type { SharedServer } from './shared-server.ts';
import type { Supply } from './supply.ts';

/** A server for each client, and nobody between them: what one writes, the other gets. */
export class OwnServers implements PeerSource {
  readonly #supply: Supply;
  readonly #onShown: (shown: Shown) => void;

  constructor(supply: Supply, onShown: (shown: Shown) => void) {
    this.#supply = supply;
    this.#onShown = onShown;
  }

  async connect(client: Client): Promise<Peer> {
    const supply = this.#supply;
    const onShown = this.#onShown;
    let channel: Channel | undefined;
    const opened = await supply.open({
      message(message, text) {
        if (channel !== undefined && isResponse(message)) supply.proven(channel);
        const shown = shownBy(message);
        if (shown !== undefined) onShown(shown);
        client.deliver(message, text);
      },
    });
    channel = opened;
    void opened.closed.then((why) => client.end(why));
    return {
      send(message, text) {
        if (isRequest(message)) supply.asked(opened);
        opened.send(text);
      },
      get backlog() {
        return opened.backlog;
      },
      leave: () => void supply.end(opened),
    };
  }
}

/** What an answer to a client says of the server: its name, or its tools. */
function shownBy({ result }: RpcMessage): Shown | undefined {
  if (!isRecord(result)) return undefined;
  const server = nameOf(result);
  if (server !== undefined) return { server };
  const { tools, nextCursor } = result;
  return Array.isArray(tools) && nextCursor === undefined ? { tools: tools.length } : undefined;
}

/** One server for all clients; each gets what is meant for it. */
export class OneServer implements PeerSource {
  readonly #server: SharedServer;

  constructor(server: SharedServer) {
    this.#server = server;
  }

  async connect(client: Client): Promise<Peer> {
    const server = this.#server;
    const member = new Member(client, true);
    const pass = (message: RpcMessage, text: string) => {
      server.send(member, message, text).catch((error: unknown) => member.fail(message, error));
    };
    return {
      send(message, text) {
        if (message.method !== 'initialize' || !isRequest(message)) pass(message, text);
        else {
          member.introduce(message.params?.['capabilities']);
          server.ready().then(
            ({ knowledge }) => member.deliver(welcome(message, knowledge)),
            (error: unknown) => member.fail(message, error),
          );
        }
      },
      get backlog() {
        return server.backlog;
      },
      leave: () => server.leave(member),
    };
  }
}

/** The server was greeted once, by us; each client is told what it said. */
function welcome(request: RpcMessage, { hello }: Knowledge): RpcMessage {
  const protocolVersion = commonRevision(request.params?.['protocolVersion'], hello['protocolVersion']);
  return { jsonrpc: '2.0', id: request.id ?? null, result: { ...hello, protocolVersion } };
}

/** Revision 2026-07-28 knows no sessions: all its requests go to one server. */
export class ModernServer implements PeerSource {
  readonly #server: SharedServer;
  /** What is known of the server's era, by now. */
  readonly #era: () => Shown['era'];
  readonly #onLegacy: () => void;

  constructor(server: SharedServer, era: () => Shown['era'], onLegacy: () => void) {
    this.#server = server;
    this.#era = era;
    this.#onLegacy = onLegacy;
  }

  async connect(client: Client): Promise<Peer> {
    if (this.#era() === 'legacy') throw onlyLegacy();
    const server = this.#server;
    try {
      await server.ready();
    } catch (error) {
      if (!(error instanceof OtherEra)) throw error;
      this.#onLegacy();
      throw onlyLegacy();
    }
    const member = new Member(client, false);
    return {
      send: (message, text) => {
        server.send(member, message, text).catch((error: unknown) => member.fail(message, error));
      },
      get backlog() {
        return server.backlog;
      },
      leave: () => server.leave(member),
    };
  }
}

function onlyLegacy(): Refusal {
  return new Refusal(400, RPC.unsupportedVersion, 'Unsupported protocol version', {
    supported: LEGACY_REVISIONS,
    requested: MODERN_REVISION,
  });
}
