import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { ServiceNotifier, serviceNotifier } from '../../src/core/service-notifier.ts';
import type { TunnelStatus } from '../../src/core/status.ts';
import { serviceStatus } from '../../src/daemon/service-status.ts';
import { health, tunnel } from '../cli/scripted-daemon.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

function setup(watchdogUsec?: number) {
  const told: string[] = [];
  const clock = new FakeClock();
  const notify = async (...lines: readonly string[]) => void told.push(lines.join(' '));
  const notifier = new ServiceNotifier({ notify, clock, ...(watchdogUsec ? { watchdogUsec } : {}) });
  let tunnels: TunnelStatus[] = [tunnel('a'), tunnel('b', { health: health('server-down') })];
  let listener = () => {};
  const watched = {
    status: () => serviceStatus(tunnels),
    subscribe: (given: () => void) => {
      listener = given;
      return () => {};
    },
  };
  const become = (...next: TunnelStatus[]) => {
    tunnels = next;
    listener();
  };
  return { told, clock, notifier, watched, become };
}

it('tells how many of the wanted tunnels serve, and again only when that changes', async () => {
  const { told, clock, notifier, watched, become } = setup();
  notifier.ready(watched);
  await clock.advance(0);
  expect(told).toEqual(['READY=1 STATUS=1/2 healthy']);
  become(tunnel('a'), tunnel('b'));
  become(tunnel('a'), tunnel('b'), tunnel('c', { desired: 'down' }));
  await clock.advance(1_000);
  expect(told.slice(1)).toEqual(['STATUS=2/2 healthy']);
  become(tunnel('a'), tunnel('b'));
  await clock.advance(1_000);
  expect(told).toHaveLength(2);
});

it('gives a sign of life twice in the time allowed, also while it drains', async () => {
  const { told, clock, notifier, watched } = setup(30_000_000);
  notifier.ready(watched);
  await clock.advance(45_000);
  expect(told.filter((line) => line === 'WATCHDOG=1')).toHaveLength(3);
  notifier.stopping(10_000);
  await clock.advance(30_000);
  const stopping = 'STOPPING=1 STATUS=draining EXTEND_TIMEOUT_USEC=25000000';
  expect(told.slice(4)).toEqual([stopping, 'WATCHDOG=1', 'WATCHDOG=1']);
});

it('says before and after that it reads its configuration again', async () => {
  const { told, clock, notifier, watched } = setup();
  notifier.ready(watched);
  await notifier.reloading(async () => void told.push('work'));
  await clock.advance(0);
  expect(told.filter((line) => line !== 'work').slice(1)).toEqual([
    'RELOADING=1',
    'READY=1 STATUS=1/2 healthy',
  ]);
});

it('says nothing where nobody listens, and keeps the way to the manager from its children', async () => {
  expect(serviceNotifier({ PATH: '/bin' }, systemClock)).toBeUndefined();
  const folder = tempFolder();
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>${folder}/told\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const env: NodeJS.ProcessEnv = { PATH: `${folder}:/bin`, NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '3' };
  const notifier = serviceNotifier(env, systemClock);
  expect(env).toEqual({ PATH: `${folder}:/bin` });
  notifier?.stopping(0);
  const told = await waitFor(() => readFileSync(join(folder, 'told'), 'utf8'), { what: 'the telling' });
  expect(told).toContain(`/run/n --pid=${process.pid} STOPPING=1`);
});
