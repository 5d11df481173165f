import type { RequestEvent } from '../core/request-event.ts';
import type { HealthReport, Leg } from '../core/status.ts';

/** `none`: the caller was gone before it got a status. */
export type CodeClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';

/** What went through one tunnel since the daemon started, our own probes excepted. */
export class Traffic {
  requests = 0;
  requestBytes = 0;
  responseBytes = 0;
  readonly byClass: Record<CodeClass, number> = { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 };
  readonly probeFailures: Record<Leg, number> = { local: 0, public: 0 };
  readonly #probedAt: Record<Leg, number> = { local: 0, public: 0 };

  note(event: RequestEvent): void {
    if (event.probe) return;
    this.requests += 1;
    this.requestBytes += event.requestBytes;
    this.responseBytes += event.responseBytes;
    this.byClass[classOf(event.status)] += 1;
  }

  /** Counts each failed probe once, however often its report comes by. */
  noteHealth(report: HealthReport): void {
    for (const leg of ['local', 'public'] as const) {
      const seen = report[leg];
      if (seen === undefined || seen.at === this.#probedAt[leg]) continue;
      this.#probedAt[leg] = seen.at;
      if (!seen.ok) this.probeFailures[leg] += 1;
    }
  }
}

function classOf(status: number): CodeClass {
  if (status < 100 || status > 599) return 'none';
  return `${Math.floor(status / 100) as 1 | 2 | 3 | 4 | 5}xx`;
}
