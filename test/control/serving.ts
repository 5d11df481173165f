import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { ControlClient } from '../../src/control/client.ts';
import { startControlServer } from '../../src/control/server.ts';
import { createLogger } from '../../src/core/log.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { FakeDaemon } from './fake-daemon.ts';

/** A control server of a fake daemon on a socket of its own, and a client for it. */
export async function serving() {
  const socket = join(tempFolder(), 's.sock');
  const daemon = new FakeDaemon();
  const logged: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      logged.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const log = createLogger('info', destination);
  const clock = new FakeClock();
  const alerts: string[] = [];
  const server = await startControlServer({
    socket,
    api: daemon,
    version: '9.9.9',
    log,
    clock,
    alerts: () => alerts,
  });
  onTestFinished(() => server.close());
  return { socket, daemon, server, logged, log, clock, alerts, client: new ControlClient(socket) };
}
