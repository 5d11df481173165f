/** The public side alone, as on a server of its own. */
import { say } from './announce.ts';
import { newRelay } from './tunnel.ts';

const { port } = await newRelay().listen();
say(port);
