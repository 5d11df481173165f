import { containerSpec } from './container.ts';
import type { Plan } from './plan.ts';

/** The `docker run` line that would make the same container by hand, secrets masked. */
export function dockerCommand(plan: Plan): string {
  const { HostConfig: host = {}, Image: image = '' } = containerSpec(plan, '');
  const published = Object.entries(host.PortBindings ?? {}).flatMap(([inside, bindings]) =>
    (bindings as { HostIp: string; HostPort: string }[]).flatMap(({ HostIp, HostPort }) => [
      '-p',
      `${HostIp}:${HostPort}:${inside.replace('/tcp', '')}`,
    ]),
  );
  const words = [
    ...[
      'docker',
      'run',
      '-d',
      '--name',
      `tunneld-${plan.tunnel}`,
      `--restart=${host.RestartPolicy?.Name ?? 'no'}`,
    ],
    `--net=${host.NetworkMode ?? 'bridge'}`,
    ...published,
    ...['--cap-drop=ALL', '--security-opt=no-new-privileges'],
    ...(host.ReadonlyRootfs === true ? ['--read-only'] : []),
    ...Object.entries(host.Tmpfs ?? {}).flatMap(([path, how]) => ['--tmpfs', `${path}:${how}`]),
    ...[`--memory=${plan.options.memoryMb}m`, `--pids-limit=${plan.options.pidsLimit}`],
    ...(host.Binds ?? []).flatMap((bind) => ['-v', bind]),
    ...Object.entries(host.LogConfig?.Config ?? {}).flatMap(([key, value]) => [
      '--log-opt',
      `${key}=${value}`,
    ]),
    image,
    ...plan.arguments.map(({ shown }) => shown),
  ];
  return words.map(quoted).join(' ');
}

/** As a POSIX shell wants it. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
