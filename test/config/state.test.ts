import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StateStore } from '../../src/config/state.ts';
import type { StoredTunnel } from '../../src/config/state-schema.ts';
import { Secret } from '../../src/core/secret.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

const TOKEN = 'tnl_a-token-for-the-tests';

const figma: StoredTunnel = {
  spec: { port: 3845 },
  source: 'cli',
  desired: 'up',
  tokens: [{ id: 'a', value: new Secret(TOKEN), createdAt: 1, notAfter: 2 }],
};

const clock = new FakeClock(Date.UTC(2026, 0, 2, 3, 4, 5));

/** What the file holds after a first daemon stored `figma`. */
function stored(file: string): { tunnels: Record<string, unknown> } & Record<string, unknown> {
  new StateStore(file).save('figma', figma);
  return JSON.parse(readFileSync(file, 'utf8'));
}

describe('the state of the daemon', () => {
  it('is the same after a restart: who it is, and every tunnel under its token', () => {
    const file = join(tempFolder(), 'state.json');
    const before = new StateStore(file);
    before.save('figma', figma);
    before.save('from-file', { source: 'file', desired: 'down', tokens: [] });
    const after = new StateStore(file);
    expect(after.instance).toBe(before.instance);
    expect(after.instance).toMatch(/^[0-9a-f]{16}$/);
    expect(after.relaySecret.reveal()).toBe(before.relaySecret.reveal());
    expect(after.notes).toEqual([]);
    expect([...after.tunnels.keys()]).toEqual(['figma', 'from-file']);
    expect(after.tunnels.get('figma')).toEqual(figma);
    expect(after.tunnels.get('figma')?.tokens[0]?.value.reveal()).toBe(TOKEN);
  });

  it('differs between two installations', () => {
    const [a, b] = [1, 2].map(() => new StateStore(join(tempFolder(), 'state.json')));
    expect(a?.instance).not.toBe(b?.instance);
    expect(a?.relaySecret.reveal()).not.toBe(b?.relaySecret.reveal());
  });

  it('forgets a tunnel with its tokens', () => {
    const file = join(tempFolder(), 'state.json');
    const store = new StateStore(file);
    store.save('figma', figma);
    store.remove('figma');
    store.remove('nobody');
    expect(store.tunnels.size).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toContain(TOKEN);
  });

  it('is readable by its owner alone, and mended when it was not', () => {
    const file = join(tempFolder(), 'state.json');
    stored(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    expect(new StateStore(file).notes).toEqual([
      `${file} holds secrets and was open to others (mode 644); it is 600 now`,
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('does not print its secrets', () => {
    const file = join(tempFolder(), 'state.json');
    const { relaySecret } = stored(file);
    const store = new StateStore(file);
    const printed = JSON.stringify([store, [...store.tunnels]]);
    expect(printed).not.toContain(TOKEN);
    expect(printed).not.toContain(relaySecret);
  });

  it('takes names as they are, even those of object members', () => {
    const file = join(tempFolder(), 'state.json');
    const store = new StateStore(file);
    store.save('constructor', figma);
    expect([...new StateStore(file).tunnels.keys()]).toEqual(['constructor']);
    expect(() => store.save('__proto__', figma)).toThrow();
  });
});

const DAMAGE: [what: string, text: string][] = [
  ['cut off', '{ "version": 1, "tunnels": '],
  ['empty', ''],
  ['not an object', '[]'],
  ['binary', '\u0000\u0001\u0002'],
];

describe('a state file that is damaged', () => {
  it.each(DAMAGE)('(%s) is kept aside, and its last good copy is used and said so', (_what, text) => {
    const file = join(tempFolder(), 'state.json');
    const before = new StateStore(file);
    before.save('figma', figma);
    writeFileSync(file, text);
    const store = new StateStore(file, { clock });
    const kept = `${file}.corrupt-2026-01-02T03-04-05-000Z`;
    expect(store.alerts).toEqual([
      `${file} was damaged and is kept as ${kept}; its last good copy was used: it knows figma`,
    ]);
    expect(readFileSync(kept, 'utf8')).toBe(text);
    expect(store.instance).toBe(before.instance);
    expect(store.relaySecret.reveal()).toBe(before.relaySecret.reveal());
    expect(store.tunnels.get('figma')).toEqual(figma);
    expect(new StateStore(file).alerts).toEqual([]);
  });

  it.each(DAMAGE)('(%s) without a copy is said so, and the rest goes on', (_what, text) => {
    const file = join(tempFolder(), 'state.json');
    writeFileSync(file, text, { mode: 0o600 });
    writeFileSync(`${file}.good`, text, { mode: 0o600 });
    const store = new StateStore(file, { clock });
    const kept = `${file}.corrupt-2026-01-02T03-04-05-000Z`;
    expect(store.alerts).toEqual([
      `${file} was damaged and is kept as ${kept}, and there is no good copy: tunnels made with \`tunneld up\`, and all tokens, start anew`,
    ]);
    store.save('figma', figma);
    expect(new StateStore(file).tunnels.get('figma')).toEqual(figma);
  });

  it('or gone is replaced by its last good copy', () => {
    const file = join(tempFolder(), 'state.json');
    stored(file);
    rmSync(file);
    const store = new StateStore(file);
    expect(store.alerts).toEqual([`${file} was gone; its last good copy was used: it knows figma`]);
    expect(store.tunnels.get('figma')).toEqual(figma);
  });

  it('does not come back with what was forgotten: the copy forgets too', () => {
    const file = join(tempFolder(), 'state.json');
    const store = new StateStore(file);
    store.save('figma', figma);
    store.remove('figma');
    expect(readFileSync(`${file}.good`, 'utf8')).not.toContain(TOKEN);
    expect(statSync(`${file}.good`).mode & 0o777).toBe(0o600);
  });

  it.each([['the state'], ['its copy']])(
    'of a newer version (%s) is refused, and left as it is',
    async (which) => {
      const file = join(tempFolder(), 'state.json');
      const newer = JSON.stringify({ version: 2, instance: 'x', tunnels: { figma: {} } });
      writeFileSync(file, which === 'the state' ? newer : '', { mode: 0o600 });
      writeFileSync(`${file}.good`, newer, { mode: 0o600 });
      const error = await thrownBy(() => new StateStore(file));
      expect(error.code).toBe('STATE_NEWER');
      expect(readFileSync(`${file}.good`, 'utf8')).toBe(newer);
      if (which === 'the state') expect(readFileSync(file, 'utf8')).toBe(newer);
    },
  );

  it.each([
    ['a definition that is not valid', 'bad', { ...figma, spec: { port: 99_999 }, tokens: [] }],
    ['no definition', 'bad', { source: 'cli', desired: 'up', tokens: [] }],
    ['an unknown wish', 'bad', { source: 'file', desired: 'sideways', tokens: [] }],
    [
      'an unusable token',
      'bad',
      { source: 'file', desired: 'up', tokens: [{ id: 'a', value: 'x', createdAt: 1 }] },
    ],
    ['a name that is not one', 'Not A Name', { source: 'file', desired: 'up', tokens: [] }],
    ['nothing in it', 'bad', null],
  ])('in one tunnel (%s) keeps the others', (_what, name, tunnel) => {
    const file = join(tempFolder(), 'state.json');
    const state = stored(file);
    writeFileSync(file, JSON.stringify({ ...state, tunnels: { ...state.tunnels, [name]: tunnel } }));
    const store = new StateStore(file, { clock });
    const kept = `${file}.rejected-2026-01-02T03-04-05-000Z`;
    expect([...store.tunnels.keys()]).toEqual(['figma']);
    expect(store.alerts).toEqual([`The stored state of ${name} was not usable and is kept in ${kept}`]);
    expect(JSON.parse(readFileSync(kept, 'utf8'))).toEqual({ [name]: tunnel });
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(new StateStore(file).alerts).toEqual([]);
  });
});

describe('a state that cannot be written', () => {
  it('is found out at the start', async () => {
    const file = join(tempFolder(), 'a-file');
    writeFileSync(file, '');
    const error = await thrownBy(() => new StateStore(join(file, 'state.json')));
    expect(error.code).toBe('STATE_UNWRITABLE');
    expect(error.message).toContain('part of the path is not a folder');
  });

  it('leaves what was known as it was', async () => {
    const folder = join(tempFolder(), 'state');
    mkdirSync(folder);
    const store = new StateStore(join(folder, 'state.json'));
    store.save('figma', figma);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    const error = await thrownBy(() => store.save('other', figma));
    expect(error.code).toBe('STATE_UNWRITABLE');
    expect(error.remedy).toContain('TUNNELD_STATE_DIR');
    expect([...store.tunnels.keys()]).toEqual(['figma']);
  });
});

describe('what must be done in any case', () => {
  it('counts when the disk does not take it, and is written when it does', () => {
    const folder = join(tempFolder(), 'state');
    mkdirSync(folder);
    const store = new StateStore(join(folder, 'state.json'));
    store.save('figma', figma);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    store.keep('figma', { ...figma, desired: 'down' });
    expect(store.tunnels.get('figma')?.desired).toBe('down');
    expect(store.unwritten?.code).toBe('STATE_UNWRITABLE');
    rmSync(folder);
    store.flush();
    expect(store.unwritten).toBeUndefined();
    expect(new StateStore(join(folder, 'state.json')).tunnels.get('figma')?.desired).toBe('down');
  });
});

describe('a daemon killed while it writes', () => {
  it('leaves a whole state behind, the old one or the new one', async () => {
    const folder = tempFolder();
    const file = join(folder, 'state.json');
    for (const extraMs of [0, 3, 7, 13]) {
      const program = join(import.meta.dirname, '../helpers/programs/save-forever.ts');
      const child = spawn(process.execPath, ['--import', 'tsx', program, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await delay(extraMs);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const store = new StateStore(file);
      expect([...store.notes, ...store.alerts]).toEqual([]);
      expect(store.tunnels.get('figma')?.tokens).toHaveLength(200);
    }
    expect(readdirSync(folder).sort()).toEqual(['state.json', 'state.json.good']);
  });
});
