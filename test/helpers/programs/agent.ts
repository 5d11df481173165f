/** `agent.ts RELAY_PORT NAME`: serves a name and answers every request with "ok". */
import { systemClock } from '../../../src/core/clock.ts';
import { createLogger } from '../../../src/core/log.ts';
import { Secret } from '../../../src/core/secret.ts';
import { responseHead } from '../../../src/http1/response-head.ts';
import { openAgentSession } from '../../../src/relay/agent/agent-session.ts';
import { endWithParent } from '../end-with-parent.ts';

const [port, name = ''] = process.argv.slice(2);
await openAgentSession({
  relayUrl: new URL(`http://127.0.0.1:${port}`),
  name,
  // Whatever the relay of the test calls itself.
  publicHosts: ['127.0.0.1', 'relay.test', 'tunnel.test'],
  token: new Secret('the-token-of-this-agent'),
  accept: (exchange) => {
    const body = Buffer.from('ok');
    exchange.respond(responseHead(200, [], { kind: 'length', length: body.length }), body, true);
  },
  links: 1,
  random: Math.random,
  signal: new AbortController().signal,
  clock: systemClock,
  log: createLogger('error'),
});
process.stdout.write(`{"listening":${port}}\n`);
// The link keeps no process alive by itself.
endWithParent();
