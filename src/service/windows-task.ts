import type { ServiceDefinition } from './definition.ts';

export const TASK = 'tunneld';

/**
 * A scheduled task that runs the daemon from logon on, and starts it again when it failed.
 *
 * @param user `DOMAIN\\name`
 */
export async function windowsTask(definition: ServiceDefinition, user: string): Promise<string> {
  const { XMLBuilder } = await import('fast-xml-parser');
  const { node, program, environment } = definition;
  const task = {
    '?xml': { '@version': '1.0', '@encoding': 'UTF-16' },
    Task: {
      '@version': '1.3',
      '@xmlns': 'http://schemas.microsoft.com/windows/2004/02/mit/task',
      RegistrationInfo: { Description: 'tunneld: public URLs for local MCP servers' },
      Triggers: { LogonTrigger: { Enabled: true, UserId: user } },
      Principals: {
        Principal: { '@id': 'User', UserId: user, LogonType: 'InteractiveToken', RunLevel: 'LeastPrivilege' },
      },
      Settings: {
        MultipleInstancesPolicy: 'IgnoreNew',
        DisallowStartIfOnBatteries: false,
        StopIfGoingOnBatteries: false,
        StartWhenAvailable: true,
        // Without it Windows ends the task after three days.
        ExecutionTimeLimit: 'PT0S',
        RestartOnFailure: { Interval: 'PT1M', Count: 999 },
        Hidden: true,
      },
      Actions: {
        '@Context': 'User',
        Exec: { Command: 'cmd.exe', Arguments: commandLine(node, program, environment) },
      },
    },
  };
  const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', format: true });
  return String(builder.build(task));
}

/** A task has no environment of its own; `cmd` sets it. */
function commandLine(node: string, program: string, environment: Readonly<Record<string, string>>): string {
  const settings = Object.entries(environment).map(([name, value]) => `set "${name}=${value}"&& `);
  return `/d /c "${settings.join('')}"${node}" "${program}""`;
}
