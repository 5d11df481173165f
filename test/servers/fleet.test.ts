import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeUnlessMissing, PROGRAMS_REQUIRED } from '../helpers/installed-program.ts';
import { type ClientRun, type McpClient, mcpClients, type ToolCall } from '../helpers/mcp-clients.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { Stage } from './stage.ts';

/** What `scripts/install-fleet.sh` installs. */
const FLEET = fileURLToPath(new URL('../../.cache/fleet', import.meta.url));
const SERVERS = join(FLEET, 'stdio');
const PYTHON = join(FLEET, 'mcp-1.30/bin/python');
const CLIENT = fileURLToPath(new URL('./programs/client.py', import.meta.url));

const python: McpClient = {
  name: 'the Python client',
  speaks: ['legacy'],
  async listToolsAndCall(url: URL, _token: string | undefined, { name, arguments: given }: ToolCall) {
    const { stdout } = await promisify(execFile)(PYTHON, [CLIENT, url.href, name, JSON.stringify(given)]);
    return JSON.parse(stdout) as ClientRun;
  },
};

const clients = [
  ...mcpClients.filter(({ speaks }) => speaks.includes('legacy')),
  ...(PROGRAMS_REQUIRED || existsSync(PYTHON) ? [python] : []),
];

const server = (name: string) => join(SERVERS, `node_modules/@modelcontextprotocol/${name}/dist/index.js`);

const missing = existsSync(join(SERVERS, 'installed')) ? [] : ['.cache/fleet'];

describeUnlessMissing('real servers over stdio', missing, () => {
  describe.each(['per-session', 'shared'] as const)('%s', (mode) => {
    it.each(clients)('server-filesystem reads a file for $name', async (client) => {
      const folder = tempFolder();
      writeFileSync(join(folder, 'note.txt'), 'read me');
      const command = [process.execPath, server('server-filesystem'), '.'] as const;
      const stage = await Stage.open({ command, cwd: folder, process: mode });
      const call = { name: 'read_text_file', arguments: { path: 'note.txt' } };
      const run = await client.listToolsAndCall(stage.url, undefined, call);
      expect(run.text).toBe('read me');
    });

    it.each(clients)('server-memory remembers for $name', async (client) => {
      const env = { MEMORY_FILE_PATH: join(tempFolder(), 'memory.jsonl') };
      const stage = await Stage.open({
        command: [process.execPath, server('server-memory')],
        env,
        process: mode,
      });
      const entities = [{ name: 'tunnel', entityType: 'thing', observations: ['it works'] }];
      const run = await client.listToolsAndCall(stage.url, undefined, {
        name: 'create_entities',
        arguments: { entities },
      });
      expect(run.tools).toContain('read_graph');
      expect(run.text).toContain('it works');
    });
  });
});
