import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { INITIALIZE, post, Stage, type StageOptions } from './stage.ts';

const program = (name: string) => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));

function small(options: Partial<StageOptions> = {}): Promise<Stage> {
  return Stage.open({ command: [process.execPath, program('server.mjs'), 'well'], ...options });
}

const ABLE = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

async function connected(stage: Stage, capabilities: object = {}): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities });
  await client.connect(new StreamableHTTPClientTransport(stage.url) as Transport);
  onTestFinished(() => client.close());
  return client;
}

function textOf(result: object): string {
  return (result as { content: { text: string }[] }).content[0]?.text ?? '';
}

async function opened(stage: Stage): Promise<Record<string, string>> {
  const answer = await post(stage.url, INITIALIZE);
  return {
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? answer.text,
    'mcp-protocol-version': '2025-06-18',
  };
}

const callOf = (id: number, name: string, args: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

describe('clients of one shared process', () => {
  it('each get their own answers, and the progress of their own calls, though all ids are alike', async () => {
    const stage = await small({ process: 'shared' });
    const clients = await Promise.all(Array.from({ length: 10 }, () => connected(stage)));
    const calls = clients.flatMap((client) =>
      Array.from({ length: 5 }, async (_, n) => {
        const nonce = randomUUID();
        const progress: number[] = [];
        const params = { name: n % 2 === 0 ? 'echo' : 'slow', arguments: { text: nonce, ms: 60 } };
        const result = await client.callTool(params, undefined, {
          onprogress: ({ progress: at }) => void progress.push(at),
        });
        expect(textOf(result)).toBe(nonce);
        if (n % 2 === 1) expect(progress).toEqual([1, 2, 3]);
      }),
    );
    await Promise.all(calls);
    expect(stage.started).toBe(1);
    expect(stage.notes).toEqual([]);
  });

  it('are asked by the server only while they alone are being served', async () => {
    const stage = await small({ process: 'shared' });
    const able = await connected(stage, ABLE);
    able.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant' as const,
      content: { type: 'text' as const, text: 'sampled' },
    }));
    const bystander = await connected(stage, {});
    const ask = {
      name: 'ask',
      arguments: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } },
    };
    expect(textOf(await able.callTool(ask))).toContain('sampled');
    // The one that calls cannot answer, and the other one was not meant.
    expect(textOf(await bystander.callTool(ask))).not.toContain('sampled');
    const second = await connected(stage, ABLE);
    second.setRequestHandler(CreateMessageRequestSchema, () => {
      throw new Error('this client was not meant');
    });
    const busy = second.callTool({ name: 'slow', arguments: { text: 'x', ms: 1_500 } });
    await waitFor(() => stage.started === 1, { what: 'the shared process' });
    expect(textOf(await able.callTool(ask))).toContain('Several clients are being served');
    await busy;
  });

  it('lose nothing but their calls when it crashes, and hear why', async () => {
    const stage = await small({ process: 'shared' });
    const session = await opened(stage);
    const waiting = post(stage.url, callOf(1, 'slow', { text: 'x', ms: 60_000 }), session);
    await waitFor(() => stage.started === 1, { what: 'the process' });
    const crash = await post(stage.url, callOf(2, 'crash', {}), session);
    expect(crash.text).toContain('The program exited with code 7; its last line: it broke');
    expect((await waiting).text).toContain('exited with code 7');
    const late = await post(stage.url, callOf(3, 'echo', { text: 'late' }), session);
    expect(late.status).toBe(404);
    expect(late.text).toContain('exited with code 7');
    const next = await opened(stage);
    expect((await post(stage.url, callOf(1, 'echo', { text: 'next' }), next)).text).toContain('next');
  });

  it('never see an answer of another one, or of an earlier process, while it crashes under load', async () => {
    const stage = await small({ process: 'shared' });
    let crashes = 0;
    let answered = 0;
    const over = () => crashes >= 12;
    const caller = async () => {
      while (!over()) {
        const session = await opened(stage);
        for (let id = 1; id < 30; id++) {
          const nonce = randomUUID();
          const answer = await post(stage.url, callOf(id, 'echo', { text: nonce }), session);
          if (answer.status === 200 && answer.text.includes('"result"')) {
            expect(answer.text).toContain(nonce);
            expect(answer.json().id).toBe(id);
            answered += 1;
          } else {
            expect(answer.text).toMatch(/exited with code 7|Session not found/);
            break;
          }
        }
      }
    };
    const breaker = async () => {
      while (!over()) {
        const before = answered;
        await waitFor(() => answered >= before + 10, { what: 'answers of the process of now' });
        await post(stage.url, callOf(1, 'crash', {}), await opened(stage));
        crashes += 1;
      }
    };
    await Promise.all([breaker(), ...Array.from({ length: 6 }, caller)]);
    await stage.close();
    expect([...stage.groups]).toEqual([]);
  });

  it('go on in their sessions after it slept', async () => {
    const stage = await small({ process: 'shared', idleMs: 300 });
    const session = await opened(stage);
    await waitFor(() => stage.groups.size === 0, { what: 'the process to be ended' });
    expect(await stage.until('asleep')).toMatchObject({ before: { server: 'small 1', tools: 5 } });
    expect((await post(stage.url, callOf(1, 'echo', { text: 'awake' }), session)).text).toContain('awake');
    expect(stage.started).toBe(2);
  });
});

describe.each(['per-session', 'shared'] as const)('a server and its client, %s', (mode) => {
  it('pass on what the server asks: sampling, elicitation, roots', async () => {
    const stage = await small({ process: mode });
    const client = await connected(stage, ABLE);
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant' as const,
      content: { type: 'text' as const, text: 'sampled' },
    }));
    client.setRequestHandler(ElicitRequestSchema, () => ({
      action: 'accept' as const,
      content: { a: 'given' },
    }));
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///rooted' }] }));
    const ask = async (method: string, params: object) =>
      textOf(await client.callTool({ name: 'ask', arguments: { method, params } }));
    expect(await ask('sampling/createMessage', { messages: [], maxTokens: 1 })).toContain('sampled');
    const requestedSchema = { type: 'object', properties: {} };
    expect(await ask('elicitation/create', { message: 'm', requestedSchema })).toContain('given');
    expect(await ask('roots/list', {})).toContain('rooted');
  });

  it('pass on that a call was cancelled, and end it', async () => {
    const stage = await small({ process: mode });
    const client = await connected(stage);
    const cancel = new AbortController();
    const call = client.callTool({ name: 'slow', arguments: { text: 'x', ms: 60_000 } }, undefined, {
      signal: cancel.signal,
    });
    await waitFor(() => stage.groups.size === 1, { what: 'the process' });
    setTimeout(() => cancel.abort('no more'), 200);
    await expect(call).rejects.toThrow();
    await waitFor(() => stage.lines.some((line) => line.startsWith('cancelled')), {
      what: 'the server to hear of it',
    });
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
  });

  it.each([1_000_000, 10_000_000])('pass on messages of %i bytes both ways', async (bytes) => {
    const stage = await small({ process: mode });
    const text = 'ä'.repeat(bytes / 2);
    const answer = await post(stage.url, callOf(1, 'echo', { text }), await opened(stage));
    expect(answer.status).toBe(200);
    expect(answer.text.includes(text)).toBe(true);
  });
});

it('goes on with a stream that broke, from the event that the client saw last', async () => {
  const stage = await small();
  const session = await opened(stage);
  const abort = new AbortController();
  const response = await fetch(stage.url, {
    method: 'POST',
    signal: abort.signal,
    headers: {
      ...session,
      'mcp-protocol-version': '2025-11-25',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      ...callOf(1, 'slow', { text: 'the rest', ms: 2_400 }),
      params: { name: 'slow', arguments: { text: 'the rest', ms: 2_400 }, _meta: { progressToken: 1 } },
    }),
  });
  const reader = response.body?.getReader();
  const first = new TextDecoder().decode((await reader?.read())?.value);
  const id = /^id: (.*)$/m.exec(first)?.[1] ?? '';
  abort.abort();
  const rest = await fetch(stage.url, {
    headers: { ...session, accept: 'text/event-stream', 'last-event-id': id },
  });
  expect(await rest.text()).toContain('the rest');
});

it('leaves no process of 200 sessions that were opened, and dropped or ended', async () => {
  const stage = await small({ processes: 16, idleMs: 1_000 });
  let n = 0;
  const worker = async () => {
    while (n < 200) {
      const dropped = n++ % 2 === 0;
      const answer = await post(stage.url, INITIALIZE);
      const id = answer.headers.get('mcp-session-id') ?? '';
      if (!dropped) await fetch(stage.url, { method: 'DELETE', headers: { 'mcp-session-id': id } });
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  expect(stage.started).toBeGreaterThanOrEqual(150);
  await waitFor(() => stage.groups.size === 0, { what: 'every process to be gone', timeoutMs: 30_000 });
}, 120_000);

describe('a server of both eras', () => {
  it.each(
    mcpClients
      .filter(({ name }) => name.startsWith('SDK v'))
      .filter(({ speaks }) => !speaks.includes('legacy-sse')),
  )('serves $name', async (client) => {
    const stage = await Stage.open({ command: [process.execPath, program('dual.mjs')], start: 'at-once' });
    await stage.until('ready');
    const call = { name: 'echo', arguments: { text: 'both' } };
    expect((await client.listToolsAndCall(stage.url, undefined, call)).text).toBe('both');
  });

  it('that speaks the newer one only is ready, and refuses the older one', async () => {
    const stage = await Stage.open({
      command: [process.execPath, program('dual.mjs'), 'reject'],
      start: 'at-once',
      process: 'shared',
    });
    expect(await stage.until('ready')).toMatchObject({ shown: { era: 'modern', tools: 1 } });
    const modern = mcpClients.find(({ name }) => name === 'SDK v2 pinned');
    const call = { name: 'echo', arguments: { text: 'new' } };
    expect((await modern?.listToolsAndCall(stage.url, undefined, call))?.text).toBe('new');
  });
});
