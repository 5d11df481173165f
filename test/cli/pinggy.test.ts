import { expect, it } from 'vitest';
import { Console } from './console.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const lost = { code: 'ENGINE_UNREACHABLE', message: 'No engine answers.', remedy: 'Start Docker.', at: 0 };

it('sends what the options for Pinggy say', async () => {
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  const options = ['--pinggy-token=env:TOKEN', '--pinggy-region=eu', '--pinggy-server=edge.example:8443'];
  options.push('--pinggy-key=env:A', '--pinggy-key=file:/b', '--pinggy-basic-auth=ann:env:PASSWORD');
  options.push('--pinggy-allow=10.0.0.0/8', '--pinggy-header=X-Team: design', '--pinggy-arg=x:fullurl');
  options.push('--pinggy-no-edge-auth', '--pinggy-image=pinggy/pinggy@sha256:ab');
  await user.type('up', 'figma', '--port=1', '--provider=pinggy', '--no-wait', ...options);
  await user.type('up', 'plain', '--port=1', '--provider=pinggy', '--no-wait');
  expect(daemon.asked).toEqual([
    [
      'up',
      'figma',
      {
        port: 1,
        provider: 'pinggy',
        pinggy: {
          token: 'env:TOKEN',
          region: 'eu',
          server: 'edge.example',
          serverPort: 8443,
          keys: ['env:A', 'file:/b'],
          basicAuth: ['ann:env:PASSWORD'],
          allow: ['10.0.0.0/8'],
          setHeaders: ['X-Team: design'],
          args: ['x:fullurl'],
          edgeAuth: false,
          image: 'pinggy/pinggy@sha256:ab',
        },
      },
    ],
    ['up', 'plain', { port: 1, provider: 'pinggy' }],
  ]);
});

it.each([
  ['--pinggy-token=literal', 'env:NAME'],
  ['--pinggy-key=literal', 'env:NAME'],
  ['--pinggy-basic-auth=ann:literal', 'env:NAME'],
  ['--pinggy-region=mars', 'region'],
])('refuses %s before anything is asked of the daemon', async (option, said) => {
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  const { code, stderr } = await user.type('up', 'figma', '--port=1', '--provider=pinggy', option);
  expect(code).toBe(2);
  expect(stderr).toContain(said);
  expect(daemon.asked).toEqual([]);
});

it('refuses options for Pinggy with another provider', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const { code, stderr } = await user.type(
    'up',
    'figma',
    '--port=1',
    '--provider=relay',
    '--pinggy-region=eu',
  );
  expect(code).toBe(2);
  expect(stderr).toContain('--provider pinggy');
});

it('does not wait where somebody has to start the engine first', async () => {
  const daemon = new ScriptedDaemon();
  daemon.onUp = (name) => tunnel(name, { state: 'backing-off', lastError: lost });
  const user = await Console.with(daemon);
  const { code, stderr } = await user.type('up', 'figma', '--port=1', '--provider=pinggy');
  expect(code).toBe(1);
  expect(stderr).toContain('ENGINE_UNREACHABLE');
  expect(stderr).toContain('Start Docker.');
});

it('shows how far an image is', async () => {
  const daemon = new ScriptedDaemon();
  daemon.onUp = (name) => tunnel(name, { state: 'opening', progress: 'pulling an-image: 40 %' });
  const user = await Console.with(daemon);
  await user.type('up', 'figma', '--port=1', '--provider=pinggy', '--wait=60s');
  expect(user.progress).toContain('figma: pulling an-image: 40 %');
});

it('prints findings with what to do about the bad ones, and exits by them', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  const good = { name: 'engine', ok: true, detail: 'docker', remedy: '' };
  const bad = { name: 'container', ok: false, detail: 'none\u001b[31m', remedy: 'restart it' };
  daemon.diagnosis = { findings: [good, bad], command: 'docker run x' };
  const user = await Console.with(daemon);
  expect(await user.type('inspect', 'figma', '--findings')).toMatchObject({
    code: 1,
    stdout: ['ok   engine     docker', 'bad  container  none', '                -> restart it'].join('\n'),
  });
  expect(await user.type('inspect', 'figma', '--docker-command')).toEqual({
    code: 0,
    stdout: 'docker run x',
    stderr: '',
  });
  daemon.diagnosis = { findings: [good] };
  expect(await user.json('inspect', 'figma', '--findings')).toEqual([good]);
  expect((await user.type('inspect', 'figma', '--docker-command')).code).toBe(1);
  expect((await user.type('inspect', 'figma', '--docker-command', '--findings')).code).toBe(2);
});
