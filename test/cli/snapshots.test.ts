import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { snapshots } from '../../src/cli/snapshots.ts';
import { ControlClient } from '../../src/control/client.ts';
import { startControlServer } from '../../src/control/server.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

/** A client that writes down what it asks the daemon for. */
class CountingClient extends ControlClient {
  readonly asked: string[] = [];

  override list() {
    this.asked.push('list');
    return super.list();
  }

  override status(name: string) {
    this.asked.push('status');
    return super.status(name);
  }

  override events(signal?: AbortSignal) {
    this.asked.push('events');
    return super.events(signal);
  }
}

/** A watcher of a scripted daemon on a real socket, and every list it has seen, as names and states. */
async function watching(daemon: ScriptedDaemon) {
  const socket = join(tempFolder(), 's.sock');
  const serve = () => startControlServer({ socket, api: daemon, version: '9.9.9', log: quiet });
  let server = await serve();
  const client = new CountingClient(socket);
  const clock = new FakeClock();
  const end = new AbortController();
  const seen: string[] = [];
  const done = (async () => {
    for await (const tunnels of snapshots(client, clock, end.signal))
      seen.push(tunnels.map(({ name, state }) => `${name} ${state}`).join(', '));
  })();
  const outcome = done.catch((error: unknown) => error);
  onTestFinished(async () => {
    end.abort(new Error('the end'));
    await outcome;
    await server.close();
  });
  await waitFor(() => seen.length === 1);
  return {
    client,
    clock,
    seen,
    outcome,
    end,
    stop: () => server.close(),
    serveAgain: async () => {
      server = await serve();
    },
  };
}

describe('a watcher', () => {
  it('loses a tunnel that is removed, and asks for no list', async () => {
    const daemon = new ScriptedDaemon(tunnel('notes'), tunnel('figma'));
    const { client, clock, seen } = await watching(daemon);
    daemon.set(tunnel('figma', { state: 'replacing' }));
    await waitFor(() => seen.length === 2);
    await daemon.remove('figma');
    await waitFor(() => seen.length === 3);
    daemon.set(tunnel('blog', { state: 'opening' }));
    await waitFor(() => seen.length === 4);
    await clock.advance(1_000);
    await waitFor(() => seen.length === 5);
    expect(seen).toEqual([
      'figma up, notes up',
      'figma replacing, notes up',
      'notes up',
      'blog opening, notes up',
      'blog opening, notes up',
    ]);
    expect(client.asked).toEqual(['events']);
  });

  it('begins anew with the list when its stream has to be opened again', async () => {
    const daemon = new ScriptedDaemon(tunnel('figma'), tunnel('notes'));
    const { client, clock, seen, stop, serveAgain } = await watching(daemon);
    await stop();
    daemon.tunnels.delete('notes');
    await serveAgain();
    await waitFor(() => clock.pending > 0);
    await clock.advance(250);
    await waitFor(() => seen.at(-1) === 'figma up');
    expect(client.asked).toEqual(['events', 'events']);
  });

  it('fails when the daemon is gone, and ends with the reason it is told to end for', async () => {
    const first = await watching(new ScriptedDaemon(tunnel('figma')));
    await first.stop();
    // The wait for the next list, and then the one before the stream is opened again.
    await waitFor(async () => {
      await first.clock.advance(250);
      return (await Promise.race([first.outcome, 'not yet'])) !== 'not yet';
    });
    expect(await first.outcome).toMatchObject({ code: 'DAEMON_UNREACHABLE' });

    const second = await watching(new ScriptedDaemon(tunnel('figma')));
    const reason = new Error('enough');
    second.end.abort(reason);
    expect(await second.outcome).toBe(reason);
  });

  it('says that a daemon of another version has other events', async () => {
    const socket = join(tempFolder(), 's.sock');
    const server = createServer((_request, response) => response.end(`${JSON.stringify(tunnel('figma'))}\n`));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    const lists = snapshots(new ControlClient(socket), new FakeClock(), new AbortController().signal);
    expect(await thrownBy(() => lists.next())).toMatchObject({ code: 'PROTOCOL_MISMATCH' });
  });
});
