import { Supervisor } from '../../src/daemon/supervisor.ts';
import type { StateChange } from '../../src/daemon/tunnel-state.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { type Script, ScriptedProvider } from './scripted-provider.ts';

/** A supervisor over a scripted provider and a clock the test moves. Delays are their ceilings. */
export function supervised(...scripts: Script[]) {
  return supervise(false, scripts);
}

/** The same with a provider that takes a new session in the place of a live one. */
export function overlapping(...scripts: Script[]) {
  return supervise(true, scripts);
}

function supervise(overlaps: boolean, scripts: Script[]) {
  const clock = new FakeClock();
  const provider = new ScriptedProvider(clock, ...scripts);
  provider.overlaps = overlaps;
  const changes: StateChange[] = [];
  const wired: string[] = [];
  const network = { online: true };
  const supervisor = new Supervisor({
    provider,
    request: { way: 'port', name: 'figma', gatewayUrl: new URL('http://127.0.0.1:1/') },
    clock,
    random: () => 1,
    log: quiet,
    online: () => network.online,
    onChange: (change) => changes.push(change),
    onSessionOpened: (session) => wired.push(`opened ${session.generation}`),
    onSessionClosed: () => wired.push('closed'),
  });
  return { clock, provider, changes, wired, network, supervisor, states: () => changes.map((c) => c.to) };
}
