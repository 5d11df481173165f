import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';

export interface SshTarget {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/**
 * An HTTP agent whose connections are `ssh HOST docker system dial-stdio`, as the Docker CLI does
 * it: the user's own SSH configuration, keys and known hosts apply.
 *
 * @see https://github.com/docker/cli/blob/master/cli/connhelper/connhelper.go
 */
export function sshDialAgent(target: SshTarget, env: NodeJS.ProcessEnv): Agent {
  const agent = new Agent();
  // `Agent.createConnection` is documented, but absent from the types of this Node version.
  Object.assign(agent, { createConnection: () => dial(target, env) });
  return agent;
}

function dial(target: SshTarget, env: NodeJS.ProcessEnv): Duplex {
  const child = spawn('ssh', sshArguments(target), { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  const connection = new Duplex({
    read: () => void child.stdout.resume(),
    // A failed write says less than what ssh prints on its way out.
    write: (chunk: Buffer, _encoding, done) => void child.stdin.write(chunk, () => done()),
    final: (done) => void child.stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) child.stdout.pause();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-500);
  });
  child.stdin.on('error', () => {});
  child.on('error', (error) => connection.destroy(error));
  child.on('close', (code) => {
    if (code === 0) connection.push(null);
    else connection.destroy(new Error(`ssh to the engine failed: ${said.trim()}`));
  });
  return connection;
}

function sshArguments({ host, user, port }: SshTarget): string[] {
  return [
    ...['-o', 'ConnectTimeout=10', '-o', 'BatchMode=yes', '-T'],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...['--', host, 'docker', 'system', 'dial-stdio'],
  ];
}
