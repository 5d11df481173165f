import type { Amendment } from '../control/api.ts';
import { stateWord } from '../core/readiness.ts';
import { ExitCode, type ParsedArgs } from './command.ts';
import type { CliIo } from './io.ts';
import { inOptionWords } from './option-words.ts';
import { changeLines } from './render/changes.ts';
import { printableJson } from './render/printable.ts';
import { reportUnsettled } from './report.ts';
import { settle } from './settle.ts';
import { withShellSecrets } from './shell-secrets.ts';
import { waitOf } from './wait-option.ts';

/** `tunneld set` and `unset`: has the daemon change a tunnel, says what changed, and waits until it serves. */
export async function changeTunnel(
  verb: 'set' | 'unset',
  name: string,
  amendment: Amendment,
  args: ParsedArgs,
  io: CliIo,
): Promise<number> {
  const waitMs = waitOf(args);
  const client = await io.daemon();
  const ask = (known: unknown) => client.change(name, known as Amendment);
  const result = await withShellSecrets(amendment, io, ask).catch((error: unknown) => {
    throw inOptionWords(error, verb);
  });
  const { changes = [] } = result;
  const waited = waitMs !== undefined && changes.length > 0 && result.status.desired === 'up';
  const settled = waited ? await settle([{ name }], waitMs, client, io) : undefined;
  const status = settled?.get(name)?.status ?? result.status;
  if (args.flag('json')) {
    io.out(printableJson({ name, changes, status }, 2));
  } else {
    const what = changes.length === 0 ? 'is so already' : 'is changed';
    const when = status.desired === 'up' ? stateWord(status) : `down; \`tunneld up ${name}\` brings it up so`;
    io.out(`${io.paint.bold(name)} ${what}, and ${when}`);
    for (const line of changeLines(changes)) io.out(line);
  }
  return settled === undefined
    ? ExitCode.ok
    : await reportUnsettled([...settled.values()], waitMs ?? 0, io, args.flag('json'));
}
