/**
 * Holds an ngrok session until it is killed: `ngrok-holder.ts EDGE CA_FILE`, authtoken in `AUTHTOKEN`.
 * Says `{"listening":PID}` with the pid of its agent process.
 */
import { Secret } from '../../../src/core/secret.ts';
import { NGROK_DEFAULTS } from '../../../src/providers/ngrok/options.ts';
import { NgrokProvider } from '../../../src/providers/ngrok/provider.ts';
import { AGENT_PROGRAM } from '../ngrok/agent-program.ts';
import { quiet } from '../quiet.ts';

const [server = '', caFile = ''] = process.argv.slice(2);
const authtoken = new Secret(process.env['AUTHTOKEN'] ?? '');
const provider = new NgrokProvider(
  { ...NGROK_DEFAULTS, authtoken, server, caFile },
  { program: AGENT_PROGRAM },
);
const session = await provider.open(
  { way: 'port', name: 'held', gatewayUrl: new URL('http://127.0.0.1:9') },
  { signal: new AbortController().signal, log: quiet },
);
process.stdout.write(`${JSON.stringify({ listening: 'pid' in session ? session.pid : 0 })}\n`);
// The session's process would keep this one alive in any case; a test ends both.
setInterval(() => {}, 60_000);
