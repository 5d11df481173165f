import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { StateStore } from '../../src/config/state.ts';
import { ControlClient } from '../../src/control/client.ts';
import { systemClock } from '../../src/core/clock.ts';
import { startDaemon } from '../../src/daemon/start-daemon.ts';
import { freePort } from '../helpers/free-port.ts';
import { canMount, type SmallDisk, smallDisk } from '../helpers/small-disk.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

/** The whole daemon in this process, its state on a disk of 256 kB. */
function machine(disk: SmallDisk, runtimeDir: string, logDir = tempFolder()) {
  const env = {
    HOME: disk.folder,
    TUNNELD_STATE_DIR: join(disk.folder, 'state'),
    TUNNELD_RUNTIME_DIR: runtimeDir,
    // A file system with a file that is open for writing cannot be made read-only.
    TUNNELD_LOG_DIR: logDir,
    TUNNELD_DAEMON_RELAY_PORT: '0',
    TUNNELD_HEALTH_PORT: '0',
  };
  const paths = resolvePaths(env);
  const alerts: string[] = [];
  const start = () => startDaemon({ paths, env, clock: systemClock, random: Math.random, onStop: () => {} });
  const client = new ControlClient(paths.socket, { onAlert: (alert) => void alerts.push(alert) });
  return { paths, start, client, alerts };
}

describe.runIf(canMount())('a disk that is full, or read-only,', () => {
  it.each(['full', 'read-only'])(
    '(%s) keeps no verb from closing what is public, and is said',
    async (what) => {
      const disk = smallDisk() as SmallDisk;
      const { paths, start, client, alerts } = machine(disk, tempFolder());
      const port = await freePort();
      const running = await start();
      try {
        await client.up('figma', { port });
        await client.up('notes', { port });
        if (what === 'full') disk.fill();
        else disk.readOnly(true);

        expect(await client.restart('notes')).toMatchObject({ desired: 'up' });
        expect(await client.down('figma')).toMatchObject({ desired: 'down', state: 'stopped' });
        expect(alerts).toEqual([expect.stringMatching(/state\.json cannot be written: .*Changes count/)]);
        expect((await client.info()).alerts).toHaveLength(1);
        // What is new would be lost: it is refused, and nothing has changed.
        expect((await thrownBy(() => client.up('new', { port }))).code).toBe('STATE_UNWRITABLE');
        expect((await thrownBy(() => client.rotateToken('notes', 0))).code).toBe('STATE_UNWRITABLE');
        expect((await client.list()).map(({ name }) => name)).toEqual(['figma', 'notes']);

        disk.readOnly(false);
        disk.free();
      } finally {
        await running.close();
      }
      expect(new StateStore(paths.stateFile).tunnels.get('figma')?.desired).toBe('down');
    },
  );

  it.each(['full', 'read-only'])('(%s) keeps no daemon from bringing back what it knows', async (what) => {
    const disk = smallDisk() as SmallDisk;
    const { paths, start, client } = machine(disk, tempFolder());
    const port = await freePort();
    const first = await start();
    const { token } = await client.up('figma', { port });
    await first.close();
    if (what === 'full') disk.fill();
    else disk.readOnly(true);

    const second = await start();
    try {
      expect(await client.showToken('figma')).toMatchObject({ token });
      expect((await client.info()).alerts).toHaveLength(1);
      expect((await thrownBy(start)).code).toBe('DAEMON_ALREADY_RUNNING');
      await client.down('figma');
    } finally {
      await second.close();
    }
    disk.readOnly(false);
    expect(new StateStore(paths.stateFile).tunnels.get('figma')?.tokens).toHaveLength(1);
  });

  it('(full) does so too where the socket is on it', async () => {
    const disk = smallDisk() as SmallDisk;
    const { start, client } = machine(disk, join(disk.folder, 'state', 'run'), join(disk.folder, 'log'));
    const first = await start();
    await client.up('figma', { port: await freePort() });
    await first.close();
    disk.fill();
    const second = await start();
    expect((await client.list()).map(({ name }) => name)).toEqual(['figma']);
    await second.close();
  });
});
