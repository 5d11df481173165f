import { type Admission, findToken } from '../access/carriers.ts';
import { isPreflight } from '../access/preflight.ts';
import { isOAuthPath, NO_OAUTH, unauthorized } from '../access/refusal-text.ts';
import type { RequestHead } from '../core/exchange.ts';
import { FOREIGN_HOST, FOREIGN_ORIGIN, NOT_OPEN_YET, NOT_RESERVED, type OwnAnswer } from './answers.ts';
import { preflight } from './cors.ts';
import type { ExchangeContext } from './exchange-context.ts';

/** A request the gateway answers itself, because it may not pass or because the path is ours. */
export interface Answered {
  readonly carrier: Admission['carrier'];
  readonly answer: OwnAnswer;
}

/**
 * Decides about a request before anything reaches the server. The order matters: a foreign page must
 * not learn whether a token is right, and a stranger must not learn which paths exist or how busy
 * the tunnel is.
 */
export function admit(gateway: ExchangeContext, request: RequestHead, probe: boolean): Admission | Answered {
  const { access, limits } = gateway.options;
  if (!gateway.policy.acceptsHost(request)) {
    // Without a public name a visitor's Host cannot be told from a foreign one.
    return {
      carrier: undefined,
      answer: gateway.policy.publicUrl === undefined ? NOT_OPEN_YET : FOREIGN_HOST,
    };
  }
  if (!gateway.policy.acceptsOrigin(request)) return { carrier: undefined, answer: FOREIGN_ORIGIN };
  if (isPreflight(request) && gateway.policy.listedOrigin(request) !== undefined) {
    return { carrier: undefined, answer: preflight(request) };
  }
  const found = findToken(request, access.queryToken, (value) => gateway.tokens.verify(value) !== undefined);
  if ('presented' in found && !access.insecurePublic) {
    return {
      carrier: undefined,
      answer: isOAuthPath(request.target) ? NO_OAUTH : unauthorized(found.presented),
    };
  }
  const admission =
    'presented' in found ? { carrier: undefined, target: request.target, pathPrefix: '' } : found;
  const { carrier, target } = admission;
  if (RESERVED.test(target)) {
    const health = target.startsWith('/.tunneld/healthz') && request.method !== 'POST';
    return { carrier, answer: health ? healthy(gateway.options.tunnel, request) : NOT_RESERVED };
  }
  if (gateway.draining) return { carrier, answer: DRAINING };
  // The probe must get through exactly when callers do not.
  if (!probe && gateway.callers > limits.concurrency) return { carrier, answer: tooBusy(limits.concurrency) };
  return admission;
}

const RESERVED = /^\/\.tunneld(?:[/?]|$)/;

/** A probe that accepts events gets one: that shows whether event streams come through on its way. */
function healthy(tunnel: string, request: RequestHead): OwnAnswer {
  const asEvent = /\btext\/event-stream\b/i.test(request.get('accept') ?? '');
  const description = `The gateway of "${tunnel}" works.`;
  return { status: 200, reason: 'gateway', error: 'none', description, ...(asEvent && { asEvent }) };
}

const DRAINING: OwnAnswer = {
  status: 503,
  reason: 'draining',
  description: 'The tunnel is being closed.',
  headers: ['Retry-After', '5'],
};

function tooBusy(concurrency: number): OwnAnswer {
  return {
    status: 503,
    reason: 'too-many-requests',
    description: `This tunnel already carries ${concurrency} requests; its limits.concurrency is the maximum.`,
    headers: ['Retry-After', '1'],
  };
}
