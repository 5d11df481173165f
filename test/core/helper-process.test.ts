import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { HelperProcess } from '../../src/core/helper-process.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

type ToIt = { readonly type: 'say' | 'crash' | 'mute' };
type FromIt = { readonly type: 'said'; readonly env: readonly string[] };

const PROGRAM = `
let mute = false;
process.on('message', ({ type }) => {
  if (type === 'mute') mute = true;
  if (type === 'crash') { console.error('first line\\nout of luck'); process.exit(7); }
  if (type === 'say' || type === 'mute') process.send({ type: 'said', env: Object.keys(process.env) });
  if (type === 'ping' && !mute) process.send({ type: 'pong' });
});
process.on('disconnect', () => process.exit(0));
`;

function start() {
  const program = join(tempFolder(), 'program.mjs');
  writeFileSync(program, PROGRAM);
  const clock = new FakeClock();
  const messages: FromIt[] = [];
  const seen: string[] = [];
  const helper = new HelperProcess<ToIt, FromIt>({
    clock,
    program,
    mostUnanswered: 2,
    onMessage: (message) => messages.push(message),
    onSilent: () => seen.push('silent'),
    onExit: (how) => seen.push(how),
  });
  onTestFinished(() => helper.kill());
  const heard = (count: number) => waitFor(() => messages.length >= count, { what: `message ${count}` });
  return { helper, clock, messages, seen, heard };
}

it('passes messages both ways, and nothing of our environment', async () => {
  process.env['TUNNELD_TEST_MARKER'] = 'secret';
  onTestFinished(() => void delete process.env['TUNNELD_TEST_MARKER']);
  const { helper, messages, heard } = start();
  helper.send({ type: 'say' });
  await heard(1);
  expect(messages[0]?.env).not.toContain('TUNNELD_TEST_MARKER');
  expect(messages[0]?.env).not.toContain('PATH');
});

it('says with which words a process ended', async () => {
  const { helper, seen } = start();
  helper.send({ type: 'crash' });
  await waitFor(() => seen.length > 0, { what: 'the end' });
  expect(seen).toEqual(['exit code 7: out of luck']);
});

it('kills one that leaves pings unanswered, and no other', async () => {
  const { helper, clock, seen, heard } = start();
  for (let count = 1; count <= 5; count++) {
    await clock.advance(5_000);
    // Messages keep their order: the answer to the ping has come before this one.
    helper.send({ type: 'say' });
    await heard(count);
  }
  expect(seen).toEqual([]);
  helper.send({ type: 'mute' });
  await heard(6);
  await clock.advance(5_000);
  await clock.advance(5_000);
  expect(seen).toEqual([]);
  await clock.advance(5_000);
  await waitFor(() => seen.length === 2, { what: 'the end' });
  expect(seen).toEqual(['silent', 'SIGKILL']);
});

it('ends by its pipe, or is killed when it takes too long', async () => {
  const willing = start();
  willing.helper.send({ type: 'say' });
  await willing.heard(1);
  willing.helper.disconnect();
  await willing.helper.endsWithin(1_000);
  expect(willing.seen).toEqual(['exit code 0']);

  const stopped = start();
  stopped.helper.send({ type: 'say' });
  await stopped.heard(1);
  const ended = stopped.helper.endsWithin(1_000);
  await stopped.clock.advance(1_000);
  await ended;
  expect(stopped.seen).toEqual(['SIGKILL']);
});
