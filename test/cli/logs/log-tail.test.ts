import { appendFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LogTail } from '../../../src/cli/logs/log-tail.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';

/** A log and its tail; `rotate` does what the daemon's rotation does. */
function following(offset = 0) {
  const dir = tempFolder();
  const path = (rotation: number) => join(dir, rotation === 0 ? 'figma.log' : `figma.${rotation}.log`);
  const tail = new LogTail(dir, 'figma', offset);
  onTestFinished(() => tail.close());
  let rotations = 0;
  return {
    tail,
    path,
    write: (text: string) => appendFileSync(path(0), text),
    rotate() {
      for (let rotation = rotations; rotation >= 0; rotation -= 1)
        renameSync(path(rotation), path(rotation + 1));
      rotations += 1;
    },
  };
}

it('gives every line once, when it is complete', async () => {
  const { tail, write } = following();
  expect(await tail.read()).toEqual([]);
  write('one\ntw');
  expect(await tail.read()).toEqual(['one']);
  write('o\nthree\n');
  expect(await tail.read()).toEqual(['two', 'three']);
  expect(await tail.read()).toEqual([]);
});

it('begins where it is told to', async () => {
  const { tail, write } = following(4);
  write('one\ntwo\n');
  expect(await tail.read()).toEqual(['two']);
});

it('puts a character together that was written in two halves', async () => {
  const { tail, path } = following();
  const bytes = Buffer.from('é\n');
  appendFileSync(path(0), bytes.subarray(0, 1));
  expect(await tail.read()).toEqual([]);
  appendFileSync(path(0), bytes.subarray(1));
  expect(await tail.read()).toEqual(['é']);
});

it('misses nothing across a rotation', async () => {
  const { tail, write, rotate } = following();
  write('one\n');
  expect(await tail.read()).toEqual(['one']);
  write('two\n');
  rotate();
  expect(await tail.read()).toEqual(['two']);
  write('three\n');
  expect(await tail.read()).toEqual(['three']);
});

it('misses nothing across several rotations between two looks', async () => {
  const { tail, write, rotate } = following();
  write('one\n');
  expect(await tail.read()).toEqual(['one']);
  for (const line of ['two', 'three', 'four']) {
    write(`${line}\n`);
    rotate();
  }
  write('five\n');
  expect(await tail.read()).toEqual(['two', 'three', 'four', 'five']);
});

it('goes on with the oldest file left when its own was deleted meanwhile', async () => {
  const { tail, write, rotate, path } = following();
  write('one\n');
  expect(await tail.read()).toEqual(['one']);
  rotate();
  write('two\n');
  rotate();
  write('three\n');
  rmSync(path(2));
  expect(await tail.read()).toEqual(['two', 'three']);
});

it('begins again in a file that somebody emptied', async () => {
  const { tail, write, path } = following();
  write('one\ntwo\n');
  await tail.read();
  truncateSync(path(0));
  write('new\n');
  expect(await tail.read()).toEqual(['new']);
});

it('waits for a log that does not exist yet', async () => {
  const { tail, path } = following();
  expect(await tail.read()).toEqual([]);
  writeFileSync(path(0), 'one\n');
  expect(await tail.read()).toEqual(['one']);
});
