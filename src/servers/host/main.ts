import { GroupJournal } from './group-journal.ts';
import { Host } from './host.ts';
import type { FromHost, ToHost } from './messages.ts';

/**
 * The process that starts the programs of stdio servers. It ends with the daemon, however that ends:
 * the pipe between them breaks even at a `kill -9`.
 */
const [, , journalFile = ''] = process.argv;
const journal = new GroupJournal(journalFile);
const host = new Host(journal, (message: FromHost) => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
});

process.on('message', (message) => host.received(message as ToHost));
process.once('disconnect', () => {
  void host.close().finally(() => process.exit(0));
});
// Whoever stops the daemon may signal its whole group: what ends here is for the daemon to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
