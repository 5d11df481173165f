// A small MCP server over stdio whose manners are chosen by its first argument.
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [mode = 'well', ...rest] = process.argv.slice(2);
const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const say = (line) => process.stderr.write(`${line}\n`);
const later = new Map();
let asked = 0;

switch (mode) {
  case 'exits':
    say('no key given: hunter2hunter2');
    process.exit(3);
    break;
  case 'garbage':
    for (let n = 0; n < 50; n++) process.stdout.write(`Welcome ${n}\n`);
    break;
  case 'flood':
    process.stdout.write('x'.repeat(Number(rest[0])));
    break;
  case 'closes-stdout':
    setTimeout(() => {}, 1 << 30);
    process.stdout.end();
    writeSync(2, 'closed it\n');
    break;
  case 'ignores-sigterm':
    process.on('SIGTERM', () => say('not now'));
    setInterval(() => {}, 1 << 30);
    break;
  case 'grandchild': {
    const child = spawn('sleep', ['600'], { stdio: 'inherit' });
    say(`grandchild ${child.pid}`);
    break;
  }
  case 'noisy':
    for (let n = 0; n < 5_000; n++) say(`line ${n}`);
    setInterval(() => say('and on'), 20).unref();
    break;
}

const ask = (method, params) =>
  new Promise((resolve) => {
    const id = ++asked;
    later.set(id, resolve);
    write({ id, method, params });
  });

const tools = ['echo', 'crash', 'slow', 'ask', 'env'].map((name) => ({
  name,
  inputSchema: { type: 'object' },
}));

async function call(id, name, args, meta) {
  const text = (value) => write({ id, result: { content: [{ type: 'text', text: String(value) }] } });
  if (name === 'echo') text(args.text);
  else if (name === 'env') text(JSON.stringify({ env: process.env, cwd: process.cwd(), pid: process.pid }));
  else if (name === 'crash') {
    say('it broke');
    process.exit(7);
  } else if (name === 'ask') text(JSON.stringify(await ask(args.method, args.params ?? {})));
  else if (name === 'slow') {
    for (let n = 1; n <= 3; n++) {
      if (meta?.progressToken !== undefined)
        write({
          method: 'notifications/progress',
          params: { progressToken: meta.progressToken, progress: n },
        });
      await new Promise((resolve) => setTimeout(resolve, args.ms / 3));
    }
    text(args.text);
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  const { id, method, params } = message;
  if (mode === 'mute' || mode === 'closes-stdout' || mode === 'flood') return;
  if (method === undefined) later.get(id)?.(message.result ?? message.error);
  else if (method === 'initialize') {
    const { protocolVersion } = params;
    write({
      id,
      result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'small', version: '1' } },
    });
  } else if (method === 'tools/list') write({ id, result: { tools } });
  else if (method === 'tools/call') {
    if (mode === 'twice') write({ id, result: { content: [{ type: 'text', text: 'first' }] } });
    if (mode === 'unknown-id') write({ id: 'nobody', result: {} });
    void call(id, params.name, params.arguments ?? {}, params._meta);
  } else if (method === 'notifications/cancelled') say(`cancelled ${params.requestId}`);
  else if (id !== undefined) write({ id, error: { code: -32601, message: `unknown method ${method}` } });
});
// A server that went on after its input ended would hide what tunneld has to do about it.
if (mode === 'ignores-sigterm') process.stdin.on('end', () => say('input ended'));
