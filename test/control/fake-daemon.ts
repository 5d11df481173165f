import type { DaemonApi, StatusChange } from '../../src/control/api.ts';
import type { TunnelStatus } from '../../src/core/status.ts';

export function statusOf(name: string, more: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    name,
    provider: 'relay',
    desired: 'up',
    source: 'cli',
    state: 'up',
    since: 0,
    health: { verdict: 'healthy', cause: '', remedy: '', since: 0, era: 'modern' },
    upstream: 'http://127.0.0.1:3845/mcp',
    insecurePublic: false,
    attempts: 0,
    replacements: 0,
    requests: { total: 0, active: 0 },
    ...more,
  };
}

/** A daemon that keeps no tunnels: it writes down what it is asked and answers something typical. */
export class FakeDaemon implements DaemonApi {
  readonly asked: unknown[][] = [];
  readonly listeners = new Set<(change: StatusChange) => void>();
  /** Thrown by every verb, when set. */
  failure: unknown;
  tunnels: TunnelStatus[] = [statusOf('figma')];

  info() {
    this.#ask('info');
    return {
      pid: 4711,
      version: '9.9.9',
      protocol: 1,
      startedAt: '2026-01-01T00:00:00.000Z',
      node: process.version,
      socket: '/s',
      stateDir: '/d',
      logDir: '/l',
      healthUrl: 'http://127.0.0.1:7576',
      relayUrl: 'http://127.0.0.1:7575',
      notes: [],
      tunnels: { total: 1, healthy: 1 },
    };
  }

  list() {
    this.#ask('list');
    return this.tunnels;
  }

  status(name: string) {
    this.#ask('status', name);
    return statusOf(name);
  }

  inspect(name: string) {
    this.#ask('inspect', name);
    return { status: statusOf(name), config: { port: 1 }, history: [], gatewayUrl: 'http://127.0.0.1:1' };
  }

  async diagnose(name: string) {
    this.#ask('diagnose', name);
    return { findings: [], command: 'docker run' };
  }

  async up(name: string, spec: unknown) {
    this.#ask('up', name, spec);
    return { status: statusOf(name), created: true, changed: true, token: 'tnl_new' };
  }

  async change(name: string, amendment: unknown) {
    this.#ask('change', name, amendment);
    return { status: statusOf(name), created: false, changed: true, changes: [{ key: 'path', to: '/sse' }] };
  }

  async upAll() {
    this.#ask('upAll');
    return [{ status: statusOf('figma'), created: false, changed: false }];
  }

  async down(name: string) {
    this.#ask('down', name);
    return statusOf(name, { desired: 'down' });
  }

  async downAll() {
    this.#ask('downAll');
    return [statusOf('figma', { desired: 'down' })];
  }

  async restart(name: string) {
    this.#ask('restart', name);
    return statusOf(name);
  }

  async remove(name: string) {
    this.#ask('remove', name);
  }

  async showToken(name: string) {
    this.#ask('showToken', name);
    return { name, token: 'tnl_shown' };
  }

  async rotateToken(name: string, graceMs: number) {
    this.#ask('rotateToken', name, graceMs);
    return { name, token: 'tnl_new', previousValidUntil: 1 };
  }

  subscribe(listener: (change: StatusChange) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  stop() {
    this.#ask('stop');
  }

  publish(status: TunnelStatus): void {
    this.tunnels = [...this.tunnels.filter(({ name }) => name !== status.name), status];
    for (const listener of this.listeners) listener({ changed: status });
  }

  withdraw(removed: string): void {
    this.tunnels = this.tunnels.filter(({ name }) => name !== removed);
    for (const listener of this.listeners) listener({ removed });
  }

  #ask(...call: unknown[]): void {
    this.asked.push(call);
    if (this.failure !== undefined) throw this.failure;
  }
}
