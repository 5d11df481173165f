import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine, importPrograms, type TestEngine } from '../helpers/docker-engine.ts';
import { freePort } from '../helpers/free-port.ts';
import { askSlowly, startHeldServer } from '../helpers/held-server.ts';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import type { CliRun } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BASE = 'tunneld-test/node:base';
/** The user of the images. */
const USER = 10_001;

/** The plugin of today's Docker, or the program of old. */
const COMPOSE = [['docker', 'compose'], ['docker-compose']].find(
  ([program = '', ...words]) => spawnSync(program, [...words, 'version']).status === 0,
);

describeWithEngine(
  'the images',
  (engine) => {
    const run = (program: string, ...words: readonly string[]) => runIn(engine(), ROOT, program, words);
    const docker = async (...words: readonly string[]) => {
      const { code, stdout, stderr } = await run('docker', ...words);
      if (code !== 0) throw new Error(`docker ${words.join(' ')} ended with ${code}\n${stdout}${stderr}`);
      return stdout.trim();
    };
    const container = (id: string) => ({
      until: (state: string) =>
        waitFor(async () => expect((await inspect(id)).State.Health?.Status).toBe(state), {
          timeoutMs: 60_000,
          what: `${id} being ${state}`,
        }),
      users: async () => {
        const { Processes } = await engine().docker.getContainer(id).top({ ps_args: '-eo uid,pid,args' });
        return Processes.map(([uid]: readonly string[]) => Number(uid));
      },
    });
    const inspect = (id: string) => engine().docker.getContainer(id).inspect();

    beforeAll(async () => {
      // With the libraries that ngrok's agent wants, as any Debian has them.
      await importPrograms(engine(), BASE, [process.execPath, '/usr/bin/env', ...ngrokAgents()]);
      const built = await run('scripts/docker-build.sh', '--build-arg', `BASE_IMAGE=${BASE}`);
      expect(built.code, built.stderr).toBe(0);
    }, 420_000);

    it('run as nobody special, and say themselves whether they serve', async () => {
      for (const [image, verb] of [
        ['tunneld', ['tunneld', 'ready']],
        ['tunneld-relay', ['tunneld', 'ready', '--relay']],
      ] as const) {
        const { Config } = await engine().docker.getImage(image).inspect();
        expect(Config.User).toBe(`${USER}:${USER}`);
        expect(Config.Healthcheck?.Test).toEqual(['CMD', ...verb]);
      }
    });

    it('take options of the relay behind the name of its image, and print what they log', async () => {
      const options = ['--domain=tunnel.example.com', '--open'];
      const relay = await docker('run', '--detach', '--network', 'none', 'tunneld-relay', ...options);
      const daemon = await docker('run', '--detach', '--network', 'none', 'tunneld');
      await container(relay).until('healthy');
      await container(daemon).until('healthy');
      expect(await docker('logs', relay)).toContain('tunnel.example.com');
      expect(JSON.parse(await docker('logs', daemon))).toMatchObject({ msg: 'daemon started' });
      await docker('rm', '--force', relay, daemon);
    });

    it('bring what ngrok needs on the system inside', async () => {
      const words = ['run', '--rm', '--network', 'none', '--entrypoint', 'node', 'tunneld'];
      const load = "require('/opt/tunneld/node_modules/@ngrok/ngrok'); console.log('loaded')";
      expect(await docker(...words, '-e', load)).toBe('loaded');
    });

    it('end well on `docker stop` without an init as well', async () => {
      const id = await docker('run', '--detach', '--network', 'none', 'tunneld');
      await container(id).until('healthy');
      expect(await docker('exec', id, 'tunneld', 'daemon', 'status')).not.toContain('note');
      await docker('stop', id);
      expect((await inspect(id)).State).toMatchObject({ ExitCode: 0, OOMKilled: false });
    });

    it('reach the engine through its socket where the container has its group, and only there', async () => {
      const { socket } = engine();
      const group = String(statSync(socket).gid);
      // The engine gives its socket to root's group where there is no group of its own.
      chmodSync(socket, 0o660);
      const engineSeen = async (...options: readonly string[]) => {
        const words = ['run', '--detach', '--init', '--network', 'none', ...options];
        const id = await docker(...words, '--volume', `${socket}:/var/run/docker.sock`, 'tunneld');
        await waitFor(() => docker('exec', id, 'tunneld', 'daemon', 'status'), { timeoutMs: 20_000 });
        await docker('exec', id, 'tunneld', 'up', 'figma', '--port=1', '--provider=pinggy', '--no-wait');
        const { stdout } = await run('docker', 'exec', id, 'tunneld', 'doctor', '--json');
        await docker('rm', '--force', id);
        const { checks } = JSON.parse(stdout) as { checks: { id: string; detail: string }[] };
        return checks.find(({ id: check }) => check === 'pinggy engine')?.detail;
      };
      expect(await engineSeen('--group-add', group)).toMatch(/^docker at .*docker\.sock .*API/);
      expect(await engineSeen()).toContain('ENGINE_PERMISSION');
    });

    describe.skipIf(COMPOSE === undefined && process.env['TUNNELD_REQUIRE_ENGINE'] !== '1')(
      COMPOSE === undefined ? 'with compose (there is none on this machine)' : 'with compose',
      () => {
        let folder: string;
        let env: Record<string, string>;
        const compose = async (...words: readonly string[]) => {
          const [program = 'docker-compose', ...first] = COMPOSE ?? [];
          const { code, stdout, stderr } = await runIn(engine(), folder, program, [...first, ...words], env);
          if (code !== 0)
            throw new Error(`compose ${words.join(' ')} ended with ${code}\n${stdout}${stderr}`);
          return stdout.trim();
        };
        const secret = (name: string, text: string) => {
          const file = join(folder, 'secrets', name);
          writeFileSync(file, text);
          return file;
        };

        beforeAll(async () => {
          folder = mkdtempSync(join(tmpdir(), 'tnl-compose-'));
          copyFileSync(join(ROOT, 'docker/compose.yaml'), join(folder, 'compose.yaml'));
          for (const name of ['config', 'secrets']) mkdirSync(join(folder, name));
          const [relay, admin, embedded, health] = await Promise.all([1, 2, 3, 4].map(() => freePort()));
          env = {
            RELAY_PUBLIC_URL: `http://127.0.0.1:${relay}`,
            RELAY_ROUTING: 'path',
            RELAY_PORT: String(relay),
            RELAY_ADMIN_PORT: String(admin),
            TUNNELD_DAEMON_RELAY_PORT: String(embedded),
            TUNNELD_HEALTH_PORT: String(health),
          };
        });

        afterAll(async () => {
          if (folder === undefined) return;
          await compose('down', '--volumes');
          rmSync(folder, { recursive: true, force: true });
        });

        it('carry a tunnel from one to the other, drain, and come back under the same URL', async () => {
          await using server = await startDualEra();
          await using held = await startHeldServer();
          const line = await docker(
            'run',
            '--rm',
            '--network',
            'none',
            'tunneld',
            'relay-token',
            'new',
            'figma',
            'late',
          );
          const [relayToken = ''] = line.split(':');
          // One as the guide says, and one of root's that the container may read and not close.
          chmodSync(secret('relay-tokens', `${line}\n`), 0o444);
          const own = secret('relay-token', relayToken);
          chmodSync(own, 0o400);
          chownSync(own, USER, USER);
          const relay = { url: env['RELAY_PUBLIC_URL'], token: 'file:/run/secrets/relay-token' };
          const tunnels = { figma: { port: server.port, relay }, late: { port: held.port, relay } };
          writeFileSync(join(folder, 'config', 'tunneld.yaml'), JSON.stringify({ tunnels }));

          await compose('up', '--detach');
          const [daemonId, relayId] = [
            await compose('ps', '-q', 'tunneld'),
            await compose('ps', '-q', 'relay'),
          ];
          await container(relayId).until('healthy');
          await container(daemonId).until('healthy');
          for (const id of [daemonId, relayId]) {
            const users = await container(id).users();
            expect(users.length).toBeGreaterThan(1);
            expect(new Set(users)).toEqual(new Set([USER]));
            expect((await inspect(id)).HostConfig).toMatchObject({ Init: true, ReadonlyRootfs: true });
          }

          const tunneld = (...words: readonly string[]) => docker('exec', daemonId, 'tunneld', ...words);
          const access = async (name: string) => ({
            url: new URL(await tunneld('url', name)),
            token: await tunneld('token', 'show', name),
          });
          const { url, token } = await access('figma');
          expect(url.href).toBe(`${relay.url}/figma/mcp`);
          const client = mcpClients.find(({ name }) => name === 'SDK v2 auto');
          const call = { name: 'echo', arguments: { text: 'through two containers' } };
          expect(await client?.listToolsAndCall(url, token, call)).toMatchObject({
            text: 'through two containers',
          });
          expect((await fetch(url)).status).toBe(401);

          const late = askSlowly(await access('late'));
          await held.held();
          const from = performance.now();
          const stopped = compose('stop', 'tunneld');
          const readyz = `http://127.0.0.1:${env['TUNNELD_HEALTH_PORT']}/readyz`;
          await waitFor(async () => (await (await fetch(readyz)).text()).includes('stopping'), {
            timeoutMs: 20_000,
            what: 'the drain',
          });
          held.release();
          expect(await late).toBe('200 late');
          await stopped;
          expect(performance.now() - from).toBeLessThan(25_000);
          expect((await inspect(daemonId)).State.ExitCode).toBe(0);

          await compose('start', 'tunneld');
          await waitFor(async () => (await tunneld('ready', '--json')).includes('"ready": true'), {
            timeoutMs: 30_000,
            what: 'the tunnels',
          });
          expect(await access('figma')).toEqual({ url, token });

          const shown = await Promise.all([
            docker('inspect', daemonId, relayId, 'tunneld', 'tunneld-relay'),
            docker('history', '--no-trunc', 'tunneld'),
            docker('history', '--no-trunc', 'tunneld-relay'),
            docker('logs', relayId),
            docker('logs', daemonId),
          ]);
          expect(shown.at(-1)).toContain('"to":"healthy"');
          expect(shown.join('')).toContain('/run/secrets/relay-token');
          for (const credential of [token, relayToken]) expect(shown.join('')).not.toContain(credential);

          await compose('stop', 'relay');
          expect((await inspect(relayId)).State.ExitCode).toBe(0);
        }, 240_000);
      },
    );
  },
  { storage: 'best' },
);

/** Its add-on for this machine. */
function ngrokAgents(): readonly string[] {
  const folder = join(ROOT, 'node_modules/@ngrok');
  const files = readdirSync(folder).flatMap((name) =>
    readdirSync(join(folder, name)).map((file) => join(folder, name, file)),
  );
  return files.filter((file) => file.endsWith('.node') && file.includes('-gnu'));
}

function runIn(
  engine: TestEngine,
  cwd: string,
  program: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd,
      env: { ...process.env, ...engine.env, ...env },
      timeout: 400_000,
      maxBuffer: 1 << 24,
    };
    execFile(program, [...words], options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else reject(error);
    });
  });
}
