/** The gateway alone, on a port of its own, as another provider's agent would reach it. */
import { say } from './announce.ts';
import { newGateway } from './tunnel.ts';

const url = await newGateway().listen();
say(Number(url.port));
