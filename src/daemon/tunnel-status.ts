import { upstreamOf } from '../config/upstream.ts';
import type { HealthReport, ReportedError, TunnelStatus } from '../core/status.ts';
import type { Supervisor } from './supervisor.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';

/** What a tunnel's status is made from. */
export interface StatusParts {
  readonly name: string;
  readonly definition: TunnelDefinition;
  /** Absent until the tunnel was first brought up. */
  readonly supervisor: Supervisor | undefined;
  /** Why the tunnel could not even be set up. */
  readonly blocked: ReportedError | undefined;
  readonly health: HealthReport;
  readonly requests: TunnelStatus['requests'];
  /** Takes known secrets out of what providers and servers wrote. */
  readonly clean: (text: string) => string;
}

/** The status of a tunnel, as commands and endpoints show it. */
export function statusOf(parts: StatusParts): TunnelStatus {
  const { name, supervisor, health, requests, clean } = parts;
  const { config, desired, source } = parts.definition;
  const upstream = upstreamOf(config);
  const publicUrl = supervisor?.publicUrl;
  const session = supervisor?.session;
  const lastError = parts.blocked ?? supervisor?.lastError;
  const state = supervisor?.state ?? 'stopped';
  const blocked = state === 'stopped' ? parts.blocked : undefined;
  return {
    name,
    provider: config.provider,
    desired,
    source,
    state: blocked === undefined ? state : 'failed',
    since: blocked?.at ?? supervisor?.since ?? health.since,
    health,
    ...(publicUrl === undefined
      ? {}
      : { publicUrl: publicUrl.href.replace(/\/$/, ''), mcpUrl: mcpUrl(publicUrl, upstream.path) }),
    upstream: upstream.url,
    insecurePublic: config.access.insecurePublic,
    ...(session === undefined
      ? {}
      : {
          session: {
            generation: session.generation,
            openedAt: session.openedAt,
            ...(session.expiresAt === undefined ? {} : { expiresAt: session.expiresAt }),
            ...(session.notes === undefined ? {} : { notes: session.notes }),
          },
        }),
    ...(supervisor?.progress === undefined ? {} : { progress: supervisor.progress }),
    attempts: supervisor?.attempts ?? 0,
    ...(supervisor?.nextRetryAt === undefined ? {} : { nextRetryAt: supervisor.nextRetryAt }),
    ...(lastError === undefined ? {} : { lastError: { ...lastError, message: clean(lastError.message) } }),
    replacements: supervisor?.replacements ?? 0,
    requests,
  };
}

export function idleHealth(now: number): HealthReport {
  return { verdict: 'unknown', cause: 'The tunnel is down.', remedy: '', since: now, era: 'unknown' };
}

/** The public base URL may have a path of its own (`http://127.0.0.1:7575/figma`). */
function mcpUrl(publicUrl: URL, path: string): string {
  return publicUrl.href.replace(/\/$/, '') + path;
}
