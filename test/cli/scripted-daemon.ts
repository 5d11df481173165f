import type {
  Amendment,
  DaemonApi,
  Diagnosis,
  KeyChange,
  StatusChange,
  UpResult,
} from '../../src/control/api.ts';
import { TunneldError } from '../../src/core/errors.ts';
import type { HealthReport, TunnelStatus } from '../../src/core/status.ts';

const BASE = 'http://127.0.0.1:7575';

/** A tunnel that serves, unless `more` says otherwise. */
export function tunnel(name: string, more: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    name,
    provider: 'relay',
    desired: 'up',
    source: 'cli',
    state: 'up',
    since: 0,
    health: health('healthy'),
    publicUrl: `${BASE}/${name}`,
    mcpUrl: `${BASE}/${name}/mcp`,
    upstream: 'http://127.0.0.1:3845/mcp',
    insecurePublic: false,
    session: { generation: 1, openedAt: 0 },
    attempts: 0,
    replacements: 0,
    requests: { total: 0, active: 0 },
    ...more,
  };
}

export function health(verdict: HealthReport['verdict'], more: Partial<HealthReport> = {}): HealthReport {
  const fine = verdict === 'healthy' || verdict === 'degraded';
  return {
    verdict,
    cause: fine ? '' : `the cause of ${verdict}`,
    remedy: fine ? '' : `the remedy of ${verdict}`,
    since: 0,
    era: 'modern',
    ...more,
  };
}

/** A daemon whose tunnels do what the test says. */
export class ScriptedDaemon implements DaemonApi {
  readonly tunnels = new Map<string, TunnelStatus>();
  readonly asked: unknown[][] = [];
  /** What a name that `up` does not know yet becomes. */
  onUp: (name: string) => TunnelStatus = (name) => tunnel(name);
  onRestart: (status: TunnelStatus) => TunnelStatus = (status) => status;
  onStop: () => void = () => {};
  diagnosis: Diagnosis = { findings: [] };
  changes: readonly KeyChange[] = [];
  pid = process.pid;
  configFile: string | undefined;
  stopping = false;
  readonly #listeners = new Set<(change: StatusChange) => void>();

  constructor(...tunnels: readonly TunnelStatus[]) {
    for (const status of tunnels) this.tunnels.set(status.name, status);
  }

  /** The tunnel changed, and everybody is told. */
  set(status: TunnelStatus): TunnelStatus {
    this.tunnels.set(status.name, status);
    for (const listener of this.#listeners) listener({ changed: status });
    return status;
  }

  info() {
    return {
      pid: this.pid,
      version: '9.9.9',
      protocol: 1,
      startedAt: '2026-01-01T00:00:00.000Z',
      node: process.version,
      socket: '/run/s.sock',
      stateDir: '/state',
      logDir: '/logs',
      ...(this.configFile === undefined ? {} : { configFile: this.configFile }),
      healthUrl: 'http://127.0.0.1:7576',
      relayUrl: BASE,
      notes: ['the state file was kept aside'],
      tunnels: { total: this.tunnels.size, healthy: 0 },
      ...(this.stopping ? { stopping: true } : {}),
    };
  }

  list() {
    return [...this.tunnels.values()];
  }

  status(name: string) {
    const found = this.tunnels.get(name);
    if (found === undefined)
      throw new TunneldError('TUNNEL_NOT_FOUND', `There is no tunnel called "${name}"`);
    return found;
  }

  inspect(name: string) {
    return { status: this.status(name), config: { port: 1 }, history: [], gatewayUrl: 'http://127.0.0.1:1' };
  }

  async diagnose(name: string): Promise<Diagnosis> {
    this.status(name);
    return this.diagnosis;
  }

  async up(name: string, spec: unknown): Promise<UpResult> {
    this.asked.push(['up', name, spec]);
    const created = !this.tunnels.has(name);
    if (created && spec === undefined) this.status(name);
    const status = created ? this.set(this.onUp(name)) : this.status(name);
    const changes = created || this.changes.length === 0 ? {} : { changes: this.changes };
    return {
      status,
      created,
      changed: 'changes' in changes,
      ...changes,
      ...(created ? { token: 'tnl_new' } : {}),
    };
  }

  async change(name: string, amendment: Amendment): Promise<UpResult> {
    this.asked.push(['change', name, amendment]);
    const status = this.status(name);
    return { status, created: false, changed: true, changes: this.changes };
  }

  async upAll(): Promise<readonly UpResult[]> {
    return this.list().map((status) => ({ status, created: false, changed: false }));
  }

  async down(name: string) {
    return this.set({ ...this.status(name), desired: 'down', state: 'stopped' });
  }

  downAll() {
    return Promise.all(this.list().map(({ name }) => this.down(name)));
  }

  async restart(name: string) {
    this.asked.push(['restart', name]);
    return this.set(this.onRestart(this.status(name)));
  }

  async remove(name: string) {
    this.status(name);
    this.tunnels.delete(name);
    for (const listener of this.#listeners) listener({ removed: name });
  }

  async showToken(name: string) {
    this.status(name);
    return { name, token: 'tnl_shown' };
  }

  async rotateToken(name: string, graceMs: number) {
    this.asked.push(['rotateToken', name, graceMs]);
    this.status(name);
    return { name, token: 'tnl_rotated', ...(graceMs > 0 ? { previousValidUntil: graceMs } : {}) };
  }

  subscribe(listener: (change: StatusChange) => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop() {
    this.asked.push(['stop']);
    this.onStop();
  }
}
