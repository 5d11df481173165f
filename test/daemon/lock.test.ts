import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../src/core/process-identity.ts';
import { acquireLock, removeStale } from '../../src/daemon/lock.ts';
import { waitFor } from '../helpers/wait-for.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunneld-lock-'));
  file = join(folder, 'daemon.lock');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A real process whose lock we hold up: takes the lock, says so, and waits to be killed. */
async function holder() {
  const program = `
    import { acquireLock } from ${JSON.stringify(new URL('../../src/daemon/lock.ts', import.meta.url).href)};
    await acquireLock(${JSON.stringify(file)}, '/run/theirs.sock').catch(() => process.exit(9));
    process.stdout.write('locked');
    setInterval(() => {}, 1000);`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const locked = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
  return {
    pid: child.pid,
    locked,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A process that was killed and whose parent, alive, does not ask how it ended. */
async function unreaped() {
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const fields = () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  };
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const startTime = `${boot}/${fields()[19]}`;
  // While it is still a shell, it would ask.
  await waitFor(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
  process.kill(pid, 'SIGKILL');
  await waitFor(() => fields()[0] === 'Z');
  return {
    pid,
    startTime,
    async [Symbol.asyncDispose]() {
      const exited = once(parent, 'exit');
      parent.kill('SIGKILL');
      await exited;
    },
  };
}

describe('the lock of the daemon', () => {
  it('refuses a second daemon and names the first: pid, since when, and where', async () => {
    const other = await holder();
    try {
      await expect(acquireLock(file, '/run/ours.sock')).rejects.toMatchObject({
        code: 'DAEMON_ALREADY_RUNNING',
        message: expect.stringMatching(new RegExp(`pid ${other.pid}, since \\d{4}-.*/run/theirs\\.sock`)),
      });
    } finally {
      await other.kill();
    }
  });

  it('is taken over from an owner that was killed', async () => {
    await (await holder()).kill();
    const lock = await acquireLock(file, '/run/ours.sock');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      pid: process.pid,
      socket: '/run/ours.sock',
    });
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'is taken over from an owner that has ended, and that nobody waited for',
    async () => {
      await using zombie = await unreaped();
      writeFileSync(
        file,
        JSON.stringify({ pid: zombie.pid, startTime: zombie.startTime, since: '2026-01-01', socket: '/x' }),
      );
      // It is still listed, under the time it started: only its state tells.
      process.kill(zombie.pid, 0);
      const lock = await acquireLock(file, '/run/ours.sock');
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid });
      lock.release();
    },
  );

  it('is taken over when the pid it names belongs to another process by now', async () => {
    const stale = { pid: process.pid, startTime: 'another boot/1', since: '2026-01-01', socket: '/x' };
    writeFileSync(file, JSON.stringify(stale));
    const lock = await acquireLock(file, '/run/ours.sock');
    expect(JSON.parse(readFileSync(file, 'utf8')).startTime).not.toBe(stale.startTime);
    lock.release();
  });

  it('is taken over from a file that names nobody', async () => {
    writeFileSync(file, '{"pid":');
    const lock = await acquireLock(file, '/run/ours.sock');
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('goes to exactly one of many that find the same dead owner', async () => {
    writeFileSync(file, JSON.stringify({ pid: 2 ** 22 + 1, startTime: 'gone', since: 'x', socket: '/x' }));
    const rivals = await Promise.all([holder(), holder(), holder()]);
    const locked = rivals.filter((rival) => rival.locked);
    await Promise.all(rivals.map((rival) => rival.kill()));
    expect(locked).toHaveLength(1);
  });

  it('is put back when a rival took it between the look at the dead owner and the removal', () => {
    writeFileSync(file, 'of the rival');
    removeStale(file, 'of the dead owner', `${file}.aside`);
    expect(readFileSync(file, 'utf8')).toBe('of the rival');
    expect(readdirSync(folder)).toEqual(['daemon.lock']);
  });

  it("is the rival's when one takes it over a moment later", async () => {
    writeFileSync(file, JSON.stringify({ pid: 2 ** 22 + 1, startTime: 'gone', since: 'x', socket: '/x' }));
    const ours = acquireLock(file, '/run/ours.sock');
    // It had read the dead owner's lock before ours was there.
    await new Promise(setImmediate);
    const rival = {
      pid: process.ppid,
      startTime: startTimeOf(process.ppid),
      since: 'now',
      socket: '/run/theirs.sock',
    };
    writeFileSync(file, JSON.stringify(rival));
    await expect(ours).rejects.toMatchObject({
      code: 'DAEMON_ALREADY_RUNNING',
      message: expect.stringContaining('/run/theirs.sock'),
    });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(rival);
  });

  it('is left alone by an owner whose lock is no longer its own', async () => {
    const lock = await acquireLock(file, '/run/ours.sock');
    writeFileSync(file, 'a successor');
    lock.release();
    expect(readFileSync(file, 'utf8')).toBe('a successor');
  });

  it('is readable by nobody else', async () => {
    const lock = await acquireLock(file, '/run/ours.sock');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    lock.release();
  });

  it('says so when its folder cannot be written', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    await expect(acquireLock(join(folder, 'a-file', 'daemon.lock'), '/x')).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
    });
  });
});
