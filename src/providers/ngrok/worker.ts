import type { Listener } from '@ngrok/ngrok';
import { messageOf } from '../../core/error-message.ts';
import type { AgentSettings, FromAgent, ToAgent } from './messages.ts';

/**
 * The process around ngrok's SDK: one session, one endpoint, then the end.
 *
 * A process of its own because an exception in one of the SDK's callbacks aborts the whole process,
 * because closing a session leaves its socket open until the process ends, and because nothing else
 * stops the SDK's own reconnecting, whose pauses grow to hours.
 */

/** Taking the endpoint back must not delay the end; the edge notices the closed socket anyway. */
const UNBIND_MS = 500;

let listener: Listener | undefined;
let opening = false;

process.on('message', (message: ToAgent) => {
  if (message.type === 'open' && !opening) {
    opening = true;
    void open(message.settings);
  }
  if (message.type === 'ping') say({ type: 'pong' });
  if (message.type === 'close') void close();
});
// The parent is gone, however it ended.
process.on('disconnect', end);
// Ctrl-C and service managers signal the whole group; requests in flight need this process until the parent is done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

async function open(settings: AgentSettings): Promise<void> {
  const sdk = await import('@ngrok/ngrok').catch((error: unknown) => {
    say({ type: 'unusable', message: messageOf(error) });
  });
  if (sdk === undefined) return;
  try {
    const builder = new sdk.SessionBuilder();
    builder
      .authtoken(settings.authtoken)
      .clientInfo(settings.client.name, settings.client.version)
      .heartbeatInterval(settings.heartbeatIntervalS)
      .heartbeatTolerance(settings.heartbeatToleranceS)
      .handleHeartbeat(safely(heartbeat))
      .handleStopCommand(safely(() => ended('stop-command', 'stopped from the ngrok dashboard')))
      .handleRestartCommand(safely(() => ended('restart-command', 'restarted from the ngrok dashboard')))
      // False: do not reconnect. The SDK would wait 125 s for its fourth attempt and hours for its sixth.
      .handleDisconnection((_address, error) => {
        safely(() => ended('connection', `the connection to the edge broke (${error})`))();
        return false;
      });
    if (settings.server !== undefined) builder.serverAddr(settings.server);
    if (settings.ca !== undefined) builder.caCert(Buffer.from(settings.ca));
    const session = await builder.connect();
    const endpoint = session.httpEndpoint().trafficPolicy(settings.trafficPolicy);
    if (settings.domain !== undefined) endpoint.domain(settings.domain);
    if (settings.metadata !== undefined) endpoint.metadata(settings.metadata);
    if (settings.pooling) endpoint.poolingEnabled(true);
    listener = await endpoint.listenAndForward(settings.forwardTo);
    say({ type: 'opened', url: listener.url() ?? '' });
    await listener.join();
    ended('connection', 'the endpoint was closed');
  } catch (error) {
    const failure = { message: messageOf(error), ...codeOf(error) };
    say(
      listener === undefined
        ? { type: 'failed', ...failure }
        : { type: 'ended', cause: 'connection', ...failure },
    );
  }
}

/** The SDK hands over `null` when no answer came within interval and tolerance, and does nothing else. */
function heartbeat(latencyMs: number | null): void {
  if (latencyMs === null) ended('heartbeat', 'the edge stopped answering heartbeats');
  else say({ type: 'heartbeat', latencyMs });
}

function ended(cause: Extract<FromAgent, { type: 'ended' }>['cause'], message: string): void {
  say({ type: 'ended', cause, message });
}

async function close(): Promise<void> {
  setTimeout(end, UNBIND_MS);
  await listener?.close().catch(() => {});
  end();
}

/** Not `process.exit`: with callbacks in flight the SDK aborts there, which looks like a crash. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** An exception in a callback would abort the process in the SDK's own code. */
function safely<Args extends unknown[]>(act: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      act(...args);
    } catch {
      end();
    }
  };
}

function say(message: FromAgent): void {
  // The parent may be gone already; `disconnect` follows.
  if (process.connected) process.send?.(message, () => {});
}

function codeOf(error: unknown): { code?: string } {
  const said = error instanceof Error && 'errorCode' in error ? error.errorCode : undefined;
  const code = typeof said === 'string' ? said : /ERR_NGROK_\d+/.exec(messageOf(error))?.[0];
  return code === undefined ? {} : { code };
}
