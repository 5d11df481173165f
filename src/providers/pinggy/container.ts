import type { ContainerCreateOptions } from 'dockerode';
import { KNOWN_HOSTS } from './arguments.ts';
import { LABEL } from './labels.ts';
import type { Plan } from './plan.ts';

/** Port of the web debugger as a bridged container exposes it. */
const EXPOSED = '4300/tcp';

/**
 * What the engine is asked to create: the container and nothing it does not need. No privilege, no
 * capability, no writable root, no terminal (a screen full of cursor movements fills the log), no
 * environment.
 */
export function containerSpec(plan: Plan, name: string): ContainerCreateOptions {
  const { options } = plan;
  const published = plan.network === 'bridge' && plan.debuggerPort !== undefined;
  return {
    name,
    Image: options.image,
    Cmd: plan.arguments.map(({ value }) => value),
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    Labels: labelsOf(plan),
    ...(published ? { ExposedPorts: { [EXPOSED]: {} } } : {}),
    HostConfig: {
      NetworkMode: plan.network,
      ...(published
        ? { PortBindings: { [EXPOSED]: [{ HostIp: '127.0.0.1', HostPort: String(plan.debuggerPort) }] } }
        : {}),
      RestartPolicy: { Name: options.restartPolicy },
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: options.readOnlyRoot,
      // Where a client keeps host keys and settings of its own; gone with the container.
      Tmpfs: options.readOnlyRoot ? Object.fromEntries(WRITABLE.map((path) => [path, SCRATCH])) : {},
      Memory: options.memoryMb * 1024 * 1024,
      PidsLimit: options.pidsLimit,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      ...(options.knownHosts === undefined ? {} : { Binds: [`${options.knownHosts}:${KNOWN_HOSTS}:ro`] }),
    },
  };
}

/** ssh keeps host keys, Pinggy's own client its settings, state and cache. */
const WRITABLE = ['/tmp', '/root/.ssh', '/root/.config', '/root/.local/state', '/root/.cache'];
const SCRATCH = 'rw,noexec,nosuid,size=8m';

function labelsOf(plan: Plan): Record<string, string> {
  return {
    [LABEL.tunnel]: plan.tunnel,
    [LABEL.debuggerPort]: String(plan.debuggerPort ?? 0),
    ...(plan.owner === undefined
      ? {}
      : { [LABEL.instance]: plan.owner.instance, [LABEL.place]: plan.owner.place }),
    ...(plan.fingerprint === undefined ? {} : { [LABEL.fingerprint]: plan.fingerprint }),
  };
}
