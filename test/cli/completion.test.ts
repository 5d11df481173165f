import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../helpers/temp-folder.ts';
import { Console } from './console.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const has = (program: string) => spawnSync(program, ['--version']).status === 0;

/** What bash offers for the last of these words. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const { stdout: script } = await new Console().type('completion', 'bash');
  const folder = tempFolder();
  writeFileSync(
    join(folder, 'tunneld'),
    '#!/bin/sh\n[ "$*" = "completion names" ] && printf "figma\\nfiles\\n"\n',
  );
  chmodSync(join(folder, 'tunneld'), 0o755);
  const line = words.map((word) => `'${word}'`).join(' ');
  const program = `${script}\nCOMP_WORDS=(tunneld ${line}); COMP_CWORD=${words.length}; _tunneld; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', program], {
    env: { PATH: `${folder}:${process.env['PATH']}` },
    encoding: 'utf8',
  });
  return out.split('\n').filter((word) => word !== '');
}

describe('completion for bash', () => {
  it('offers verbs, second words, options and the names of the tunnels', async () => {
    expect(await offered('sta')).toEqual(['status']);
    expect(await offered('service', '')).toContain('install');
    expect(await offered('service', 'install', '--')).toEqual(['--user', '--system', '--print', '--help']);
    expect(await offered('status', 'fi')).toEqual(['figma', 'files']);
    expect(await offered('ps', 'fig')).toEqual(['figma']);
    expect(await offered('up', 'figma', '--no')).toEqual(['--no-wait']);
  });

  it('offers the values there are, and files where a file is due', async () => {
    expect(await offered('up', 'figma', '--probe', 'd')).toEqual(['discover']);
    expect(await offered('up', 'figma', '--probe', '=', 'h')).toEqual(['http']);
    expect(await offered('up', 'figma', '--probe', '=')).toContain('tcp');
    expect(await offered('logs', '--level', 'w')).toEqual(['warn']);
    expect(await offered('config', 'check', '--config', 'package.j')).toEqual(['package.json']);
    expect(await offered('unset', '--probe', 'fi')).toEqual(['figma', 'files']);
  });

  it('offers nothing where a value of the user is due', async () => {
    expect(await offered('up', 'figma', '--port', '')).toEqual([]);
    expect(await offered('version', '')).toEqual([]);
  });
});

describe('the other shells', () => {
  it.skipIf(!has('zsh'))('zsh takes its script', async () => {
    const { stdout } = await new Console().type('completion', 'zsh');
    const { status, stderr } = spawnSync('zsh', ['-n'], { input: stdout, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.skipIf(!has('fish'))('fish takes its script, and offers what it says', async () => {
    const { stdout } = await new Console().type('completion', 'fish');
    const folder = tempFolder();
    const script = join(folder, 'tunneld.fish');
    writeFileSync(script, stdout);
    const { status, stdout: offers } = spawnSync(
      'fish',
      [
        '--no-config',
        '-c',
        'source $argv[1]; complete -C "tunneld daemon st"; complete -C "tunneld up --po"',
        script,
      ],
      { env: { ...process.env, HOME: folder }, encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(offers.split('\n').map((line) => line.split('\t')[0])).toEqual([
      'start',
      'status',
      'stop',
      '--port',
      '',
    ]);
  });

  it('have every verb and option', async () => {
    for (const shell of ['zsh', 'fish']) {
      const { stdout } = await new Console().type('completion', shell);
      for (const word of ['service', 'uninstall', 'purge', 'insecure-public', 'completion names'])
        expect(stdout).toContain(word);
    }
    expect(await new Console().type('completion', 'tcsh')).toMatchObject({ code: 2 });
  });

  it('are told the names of the tunnels, and nothing when no daemon runs', async () => {
    const user = await Console.with(new ScriptedDaemon(tunnel('a'), tunnel('b')));
    expect(await user.type('completion', 'names')).toEqual({ code: 0, stdout: 'a\nb', stderr: '' });
    expect(await new Console().type('completion', 'names')).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

it('the man page has every verb and is taken by the formatter', async () => {
  const { stdout } = await new Console().type('man');
  expect(stdout).toContain('.SS service install');
  expect(stdout).toContain('\\-\\-insecure\\-public');
  const groff = spawnSync('groff', ['-man', '-Tutf8', '-ww'], { input: `${stdout}\n`, encoding: 'utf8' });
  expect(groff.error === undefined ? groff.stderr : '').toBe('');
});
