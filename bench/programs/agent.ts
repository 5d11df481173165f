/** The user's side alone: agent and gateway, dialled out to RELAY_PORT. */
import { say } from './announce.ts';
import { join, newGateway } from './tunnel.ts';

const port = Number(process.env['RELAY_PORT']);
await join(newGateway(), port);
// The link's socket and timers may be unref'd; the process ends when its parent says so.
setInterval(() => {}, 3_600_000);
say(port);
