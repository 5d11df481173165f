/** Relay, agent and gateway in one process, as in the daemon. */
import { say } from './announce.ts';
import { join, newGateway, newRelay } from './tunnel.ts';

const { port } = await newRelay().listen();
await join(newGateway(), port);
say(port);
