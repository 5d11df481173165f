import { expect, it } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { listen, startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly { name: string; state: string; why: string; fix: string }[];
}

it('/readyz, `tunneld ready` and `tunneld status` agree, in the same words', async () => {
  await using home = await Tunneld.create();
  await using server = await startDualEra();
  await using noServer = await listen((_, response) => response.writeHead(404).end());
  const { port } = server;
  const nowhere = await freePort();
  const relay = { url: `http://127.0.0.1:${await freePort()}` };
  await home.ok('daemon', 'start');
  await home.writeConfig(
    JSON.stringify({
      tunnels: {
        fine: { port },
        down: { port: nowhere },
        lost: { port: noServer.port },
        far: { port, relay },
        refused: {
          port,
          relay: { url: (await home.daemon()).relayUrl, token: 'wrong' },
        },
        off: { port, enabled: false },
      },
    }),
  );
  await home.run('up', '--no-wait');
  await home.until('fine', ({ health }) => health.verdict === 'healthy');
  await home.until('down', ({ health }) => health.verdict === 'server-down');
  await home.until('lost', ({ health }) => health.verdict === 'config');
  await home.until('far', ({ state, lastError }) => state === 'backing-off' && lastError !== undefined);
  await home.until('refused', ({ state }) => state === 'failed');
  const { healthUrl } = await home.daemon();

  const asked = async (name?: string) => {
    const [words, query] = name === undefined ? [[], ''] : [[name], `?tunnel=${name}`];
    const response = await fetch(`${healthUrl}/readyz${query}`);
    const answer = (await response.json()) as { ready: boolean; reasons: readonly { state: string }[] };
    expect(response.status).toBe(answer.ready ? 200 : 503);
    const { code, stdout } = await home.spawn(['ready', ...words, '--json']);
    const { ready, reasons } = JSON.parse(stdout) as Readiness;
    expect(code).toBe(ready ? 0 : 1);
    // Whoever may not open the control socket hears the states alone.
    expect(answer).toEqual({ ready, reasons: reasons.map(({ state }) => ({ state })) });
    return reasons;
  };
  // A tunnel that tries again is now in this state and now in that one: until all answer for one moment.
  const all = await waitFor(
    async () => {
      const reasons = await asked();
      const { stdout } = await home.spawn(['status']);
      for (const { state, why } of reasons) for (const text of [state, why]) expect(stdout).toContain(text);
      return reasons;
    },
    { timeoutMs: 20_000, what: 'the same answer of all three' },
  );
  expect(all.map(({ name }) => name)).toEqual(['down', 'far', 'lost', 'refused']);
  expect(await asked('fine')).toEqual([]);
  expect(await asked('off')).toEqual([{ name: 'off', state: 'stopped', why: '', fix: '' }]);

  for (const { name, why, fix } of all) {
    const { health, lastError } = await home.status(name);
    const [cause, remedy] =
      lastError === undefined
        ? [health.cause, health.remedy]
        : [`${lastError.code}: ${lastError.message}`, lastError.remedy];
    expect({ name, why, fix }).toEqual({ name, why: cause, fix: remedy });
  }
});
