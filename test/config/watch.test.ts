import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { watchConfig } from '../../src/config/watch.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

const INTERVAL_MS = 20;

/** Watches `file` and gives a function that resolves after the next change. */
function watching(file: string) {
  let changes = 0;
  const watcher = watchConfig(file, () => (changes += 1), { intervalMs: INTERVAL_MS, settleMs: 5 });
  onTestFinished(() => watcher.close());
  return {
    close: () => watcher.close(),
    count: () => changes,
    async changes(expected: number) {
      await waitFor(() => changes >= expected, { what: `change ${expected}` });
      expect(changes).toBe(expected);
    },
  };
}

/** Long enough for several looks at the file. */
const someLooks = () => delay(INTERVAL_MS * 5);

describe('watching the configuration', () => {
  it('notices an edit in place, a replacement by rename, a removal and a return', async () => {
    const folder = tempFolder();
    const file = join(folder, 'tunneld.yaml');
    writeFileSync(file, 'one');
    const watch = watching(file);
    await someLooks();
    writeFileSync(file, 'two');
    await watch.changes(1);
    writeFileSync(`${file}~`, 'three');
    renameSync(`${file}~`, file);
    await watch.changes(2);
    rmSync(file);
    await watch.changes(3);
    writeFileSync(file, 'four');
    await watch.changes(4);
  });

  it('waits for a folder that does not exist yet', async () => {
    const folder = join(tempFolder(), 'later');
    const watch = watching(join(folder, 'tunneld.yaml'));
    await someLooks();
    mkdirSync(folder);
    writeFileSync(join(folder, 'tunneld.yaml'), 'one');
    await watch.changes(1);
  });

  it('follows a link to where the file really is', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'dotfile'), 'one');
    symlinkSync(join(folder, 'dotfile'), join(folder, 'tunneld.yaml'));
    const watch = watching(join(folder, 'tunneld.yaml'));
    await someLooks();
    writeFileSync(join(folder, 'dotfile'), 'two');
    await watch.changes(1);
  });

  it('says nothing when the file was only touched, nor after it was closed', async () => {
    const file = join(tempFolder(), 'tunneld.yaml');
    writeFileSync(file, 'one');
    const watch = watching(file);
    await someLooks();
    utimesSync(file, new Date(), new Date());
    await someLooks();
    watch.close();
    writeFileSync(file, 'two');
    await someLooks();
    expect(watch.count()).toBe(0);
  });
});
