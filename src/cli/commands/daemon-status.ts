import { type Command, ExitCode } from '../command.ts';
import { age } from '../render/age.ts';
import { printableJson, printableLines } from '../render/printable.ts';

export const daemonStatus: Command = {
  name: 'daemon status',
  summary: 'Show whether the daemon runs, and what it uses',
  positionals: [],
  options: { json: { type: 'boolean', summary: 'Print JSON: pid, version, startedAt, paths, URLs, notes' } },
  examples: [['tunneld daemon status', 'Exit code 0 when it runs, 4 when it does not.']],

  async run(args, io) {
    const info = await (await io.daemon()).info();
    if (args.flag('json')) {
      io.out(printableJson(info, 2));
      return ExitCode.ok;
    }
    const uptime = age(Date.parse(info.startedAt), io.clock.now());
    const facts: [label: string, text: string | undefined][] = [
      ['version', `${info.version} on node ${info.node}`],
      ['tunnels', `${info.tunnels.healthy} of ${info.tunnels.total} healthy`],
      ['relay', info.relayUrl],
      ['health', info.healthUrl],
      ['config', info.configFile ?? 'none'],
      ['state', info.stateDir],
      ['logs', info.logDir],
      ['socket', info.socket],
      ['mistake', info.configError && `${info.configError.code}: ${info.configError.message}`],
      ['fix', info.configError?.remedy],
      ...info.notes.map((note): [string, string] => ['note', note]),
    ];
    io.out(
      `${io.paint.bold(info.stopping === true ? 'stopping' : 'running')}  pid ${info.pid}, for ${uptime}`,
    );
    for (const [label, text] of facts) {
      const [first, ...rest] = text === undefined ? [] : printableLines(text);
      if (first !== undefined) io.out(`  ${io.paint.dim(label.padEnd(8))} ${first}`);
      for (const line of rest) io.out(`  ${' '.repeat(8)} ${line.trimStart()}`);
    }
    return ExitCode.ok;
  },
};
