import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { usage } from '../parse.ts';
import { clientFacts, clientLines } from '../render/client-lines.ts';
import { CLIENTS, type Client, type ClientFacts, type ClientName, exportLines } from '../render/clients.ts';
import { printable, printableJson } from '../render/printable.ts';

const NAMES = Object.keys(CLIENTS) as readonly ClientName[];

export const client: Command = {
  name: 'client',
  summary: 'Print what an MCP client needs to use a tunnel, in its own form',
  positionals: [
    { name: 'name', required: true },
    { name: 'client', required: false },
  ],
  options: { json: { type: 'boolean', summary: 'Print {"name", "url", "clients"}' } },
  examples: [
    ['tunneld client figma', 'All of them.'],
    ['tunneld client figma cursor', 'Only the lines for one, to be redirected into its file.'],
  ],
  notes: [
    `The clients: ${NAMES.join(', ')}. No line has the token in it: the client asks for it, or reads it from a variable or a file. docs/clients.md says more of each.`,
    'For a server that wants an Authorization header of its own, the token goes into X-Tunneld-Token.',
  ],

  async run(args, io) {
    const [name = '', chosen] = args.positionals;
    const known = NAMES.find((candidate) => candidate === chosen);
    if (chosen !== undefined && known === undefined) {
      throw usage(client, `There is no client "${chosen}": one of ${NAMES.join(', ')}`);
    }
    const status = await (await io.daemon()).status(name);
    const facts = clientFacts(status);
    if (facts === undefined) {
      throw new TunneldError('NO_PUBLIC_URL', `"${name}" has no public URL yet`);
    }
    if (args.flag('json')) {
      const clients = (known === undefined ? NAMES : [known]).map((id) => [id, textOf(id, facts)]);
      io.out(printableJson({ name, url: facts.url, clients: Object.fromEntries(clients) }, 2));
    } else if (known === undefined) {
      const parts = NAMES.map((id) => clientLines(id, facts).join('\n'));
      io.out(parts.join('\n\n'));
    } else {
      // The variables are no part of the client's file.
      for (const line of exportLines(facts, CLIENTS[known])) io.err(`Set first: ${printable(line)}`);
      for (const line of CLIENTS[known].lines(facts)) io.out(printable(line));
    }
    return ExitCode.ok;
  },
};

function textOf(
  id: ClientName,
  facts: ClientFacts,
): { readonly setFirst: readonly string[]; readonly text: string } {
  const client: Client = CLIENTS[id];
  return { setFirst: exportLines(facts, client), text: client.lines(facts).join('\n') };
}
