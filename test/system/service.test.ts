import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootedSystemd, cannotBoot } from '../helpers/booted-systemd.ts';
import { describeWithEngine } from '../helpers/docker-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';

const UNIT = 'tunneld.service';

/** Any HTTP answer proves that a server is there. */
const SERVER = `require('http').createServer((q, r) => r.writeHead(401, { 'www-authenticate': 'Bearer' }).end()).listen(3999, '127.0.0.1')`;

/** Turns on the debugger of a process and has it run for ever: the loop is blocked, not stopped. */
const BLOCK = `
import WebSocket from 'ws';
process.kill(Number(process.argv[1]), 'SIGUSR1');
for (let tries = 0; tries < 50; tries++) {
  await new Promise((r) => setTimeout(r, 100));
  const list = await fetch('http://127.0.0.1:9229/json/list').then((r) => r.json(), () => undefined);
  if (list === undefined) continue;
  const socket = new WebSocket(list[0].webSocketDebuggerUrl);
  await new Promise((r) => socket.once('open', r));
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'for (;;);' } }));
  await new Promise((r) => setTimeout(r, 300));
  process.exit(0);
}
process.exit(1);
`;

if (cannotBoot !== undefined && process.env['TUNNELD_REQUIRE_ENGINE'] === '1') {
  it('the service: needs a system to boot', () => expect.fail(cannotBoot));
} else {
  describe.skipIf(cannotBoot !== undefined)(cannotBoot ?? 'where a system can be booted', () => {
    describeWithEngine('the service under a booted systemd', (engine) => {
      let machine: BootedSystemd;

      beforeAll(async () => {
        machine = await BootedSystemd.boot(engine());
        await machine.ok('systemd-run', '--unit=server', '/usr/bin/node', '-e', SERVER);
      }, 420_000);

      afterAll(async () => {
        await machine?.[Symbol.asyncDispose]();
      }, 30_000);

      const tunneld = async (...words: readonly string[]) => {
        const { code, stdout, stderr } = await machine.tunneld(words);
        if (code !== 0) throw new Error(`tunneld ${words.join(' ')} ended with ${code}\n${stdout}${stderr}`);
        return stdout.trim();
      };
      const shown = (property: string) =>
        machine.ok('systemctl', 'show', UNIT, `--property=${property}`, '--value');
      const shownToBe = (property: string, value: string) =>
        waitFor(async () => expect(await shown(property)).toBe(value), {
          timeoutMs: 30_000,
          what: `${property}=${value}`,
        });

      it('is active when it is ready, says how many tunnels serve, and keeps its folders closed', async () => {
        expect(await tunneld('service', 'install')).toContain(`Installed /etc/systemd/system/${UNIT}`);
        expect(await shown('ActiveState')).toBe('active');
        expect(await tunneld('daemon', 'status')).toContain('running');
        await tunneld('up', 'figma', '--port=3999', '--wait=20s');
        await shownToBe('StatusText', '1/1 healthy');
        const modes = await machine.ok(
          'stat',
          '-L',
          '-c',
          '%a',
          '/var/lib/tunneld',
          '/run/tunneld',
          '/var/log/tunneld',
        );
        expect(modes.split('\n')).toEqual(['700', '700', '700']);
        expect(await tunneld('service', 'install')).toContain('was there already');
      }, 60_000);

      it('comes back after a kill -9 under the same URL and token', async () => {
        const before = [await tunneld('url', 'figma'), await tunneld('token', 'show', 'figma')];
        await machine.ok('sh', '-c', `kill -9 ${await shown('MainPID')}`);
        await shownToBe('NRestarts', '1');
        await shownToBe('StatusText', '1/1 healthy');
        expect([await tunneld('url', 'figma'), await tunneld('token', 'show', 'figma')]).toEqual(before);
      }, 60_000);

      it('reads its configuration again on reload, and is active again', async () => {
        const pid = await shown('MainPID');
        await machine.ok('systemctl', 'reload', UNIT);
        await shownToBe('ActiveState', 'active');
        expect(await shown('MainPID')).toBe(pid);
      });

      it('stops within its time, and comes up through systemd when `up` needs it', async () => {
        const from = performance.now();
        await tunneld('service', 'stop');
        expect(performance.now() - from).toBeLessThan(15_000);
        expect(await shown('Result')).toBe('success');
        expect((await machine.tunneld(['service', 'status'])).code).toBe(3);
        await tunneld('up', 'figma', '--wait=20s');
        const { pid } = JSON.parse(await tunneld('daemon', 'status', '--json')) as { pid: number };
        expect(String(pid)).toBe(await shown('MainPID'));
      }, 60_000);

      it('is not started again with a configuration that is wrong', async () => {
        await machine.ok('sh', '-c', 'mkdir -p /etc/tunneld && echo "tunels: {}" >/etc/tunneld/tunneld.yaml');
        expect((await machine.tunneld(['service', 'restart'])).code).toBe(1);
        await shownToBe('ActiveState', 'failed');
        expect(await shown('ExecMainStatus')).toBe('78');
        const { stdout } = await machine.tunneld(['doctor', '--json']);
        expect(JSON.parse(stdout)).toMatchObject({ first: { id: 'config' } });
        await machine.ok('rm', '-r', '/etc/tunneld');
        await machine.ok('systemctl', 'reset-failed', UNIT);
        await tunneld('service', 'start');
      }, 60_000);

      it('is ended and started again when its event loop is blocked', async () => {
        const folder = `/etc/systemd/system/${UNIT}.d`;
        await machine.ok(
          'sh',
          '-c',
          `mkdir ${folder} && printf '[Service]\\nWatchdogSec=4\\n' >${folder}/soon.conf`,
        );
        await machine.ok('systemctl', 'daemon-reload');
        await tunneld('service', 'restart');
        // It lives longer than the watchdog allows silence: the signs of life arrive.
        const pid = await shown('MainPID');
        const from = performance.now();
        await waitFor(() => performance.now() - from > 6_000, { timeoutMs: 10_000, what: 'six seconds' });
        expect(await shown('MainPID')).toBe(pid);
        const blocked = await machine.run(
          ['node', '--input-type=module', '-e', BLOCK, pid],
          ['-w', '/opt/tunneld'],
        );
        expect(blocked).toMatchObject({ code: 0 });
        await shownToBe('NRestarts', '1');
        await shownToBe('StatusText', '1/1 healthy');
        expect(await machine.ok('journalctl', '--unit', UNIT, '--no-pager')).toContain('Watchdog timeout');
        await machine.ok('rm', '-r', folder);
      }, 90_000);

      it('is taken away without a trace', async () => {
        await tunneld('service', 'uninstall', '--purge');
        const left = await machine.ok(
          'sh',
          '-c',
          `ls -d /etc/systemd/system/*tunneld* /etc/systemd/system/*/*tunneld* /var/lib/tunneld /var/lib/private/tunneld /run/tunneld /var/log/tunneld 2>/dev/null; true`,
        );
        expect(left).toBe('');
        expect(await shown('LoadState')).toBe('not-found');
      }, 60_000);

      it('runs for a user without privileges, from boot on when the user lingers', async () => {
        await machine.ok('useradd', '--create-home', 'anna');
        const uid = await machine.ok('id', '-u', 'anna');
        const as = ['-u', 'anna', '-e', 'HOME=/home/anna', '-e', `XDG_RUNTIME_DIR=/run/user/${uid}`];
        const early = await machine.tunneld(['service', 'install'], as);
        expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('enable-linger') });
        expect(await machine.tunneld(['service', 'install', '--system'], as)).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('SERVICE_PERMISSION'),
        });

        await machine.ok('loginctl', 'enable-linger', 'anna');
        await waitFor(() => machine.ok('systemctl', 'is-active', `user@${uid}.service`), {
          timeoutMs: 20_000,
        });
        expect(await machine.tunneld(['daemon', 'start'], as)).toMatchObject({ code: 0 });
        const byHand = await machine.tunneld(['service', 'install'], as);
        expect(byHand).toMatchObject({ code: 1, stderr: expect.stringContaining('daemon stop') });
        expect(await machine.tunneld(['daemon', 'stop'], as)).toMatchObject({ code: 0 });

        expect(await machine.tunneld(['service', 'install'], as)).toMatchObject({ code: 0 });
        expect(await machine.tunneld(['up', 'notes', '--port=3999', '--wait=20s'], as)).toMatchObject({
          code: 0,
        });
        const verbose = await machine.tunneld(
          ['service', 'install'],
          [...as, '-e', 'TUNNELD_LOG_LEVEL=debug'],
        );
        expect(verbose).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/^Changed .*the daemon was restarted/),
        });
        const { pid } = JSON.parse((await machine.tunneld(['daemon', 'status', '--json'], as)).stdout) as {
          pid: number;
        };
        expect(await machine.ok('cat', `/proc/${pid}/environ`)).toContain('TUNNELD_LOG_LEVEL=debug');
        const status = await machine.tunneld(['service', 'status', '--json'], as);
        expect(JSON.parse(status.stdout)).toMatchObject({ scope: 'user', running: true, enabled: true });
        expect(await machine.tunneld(['service', 'uninstall'], as)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('/home/anna/.local/state/tunneld stays'),
        });
      }, 90_000);
    });
  });
}
