import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Stage } from './stage.ts';

const EVERYTHING = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url),
);

describe.each(['per-session', 'shared'] as const)('server-everything over stdio, %s', (process_) => {
  it.each(mcpClients.filter(({ speaks }) => speaks.includes('legacy')))('serves $name', async (client) => {
    const stage = await Stage.open({ command: [process.execPath, EVERYTHING, 'stdio'], process: process_ });
    const run = await client.listToolsAndCall(stage.url, undefined, {
      name: 'echo',
      arguments: { message: 'hi' },
    });
    expect(run.tools).toContain('echo');
    expect(run.text).toContain('hi');
  });

  it.each(mcpClients.filter(({ speaks }) => speaks.includes('legacy-sse')))(
    'serves $name by HTTP+SSE',
    async (client) => {
      const stage = await Stage.open({ command: [process.execPath, EVERYTHING, 'stdio'], process: process_ });
      const url = new URL(`${stage.origin}/sse`);
      const run = await client.listToolsAndCall(url, undefined, {
        name: 'echo',
        arguments: { message: 'hi' },
      });
      expect(run.text).toContain('hi');
      if (process_ === 'per-session' && client.name.includes('SSE')) {
        await waitFor(() => stage.groups.size === 0, { what: 'its process to end with the stream' });
      }
    },
  );
});
