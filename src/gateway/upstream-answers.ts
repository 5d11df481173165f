import { placeText } from '../core/place.ts';
import { OUT_OF_DESCRIPTORS } from '../core/system-failure.ts';
import type { UpstreamFailure } from '../http1/upstream-exchange.ts';
import type { OwnAnswer } from './answers.ts';
import type { UpstreamAddress } from './gateway-options.ts';

/** No connection: the request did not leave this machine. */
export function serverDown(upstream: UpstreamAddress, { reason }: UpstreamFailure): OwnAnswer {
  const where = placeText(upstream);
  if (OUT_OF_DESCRIPTORS.has(reason)) {
    return {
      status: 503,
      reason: 'out-of-descriptors',
      description: `The machine of the tunnel has no file descriptors left to connect to the MCP server (${reason}); the server itself may be fine. Try again in a moment; its operator raises its limit of open files.`,
      headers: ['Retry-After', '5'],
    };
  }
  return {
    status: 502,
    reason: 'server-down',
    description: `The MCP server at ${where} does not accept connections (${reason}); the tunnel itself works. Start the server and try again.`,
    headers: ['Retry-After', '5'],
    data: { upstream: where },
  };
}

/** It took the request and gave no usable answer. Not sent again: it may have acted on it. */
export function serverFailed(upstream: UpstreamAddress, { kind, reason }: UpstreamFailure): OwnAnswer {
  const where = placeText(upstream);
  return {
    status: 502,
    reason: kind === 'protocol' ? 'upstream-protocol' : 'upstream-closed',
    description:
      kind === 'protocol'
        ? `What answers at ${where} does not speak proper HTTP/1.1 (${reason}).`
        : `The MCP server at ${where} closed the connection before it answered (${reason}). The request was not repeated, since it may have had its effect.`,
    headers: ['Retry-After', '5'],
    data: { upstream: where },
  };
}

export function serverSilent(upstream: UpstreamAddress, timeoutMs: number): OwnAnswer {
  const where = placeText(upstream);
  return {
    status: 504,
    reason: 'first-byte-timeout',
    description: `The MCP server at ${where} sent no answer within ${timeoutMs / 1_000} s (limits.firstByteTimeout of the tunnel). It may still work on the request.`,
    data: { upstream: where },
  };
}
