import type { RelayRefusal } from '../../relay/edge/relay-answer.ts';

/** What agents hear where they may not register. */
export const NOT_SERVED: RelayRefusal = {
  status: 403,
  reason: 'agents-refused',
  message:
    'Clients of mcp-tunnel and mcpr are not served here: they have no access tokens, so anybody could call their tunnels. The operator of the relay allows them with --mcp-tunnel-agents serve.',
};

/** What visitors hear of a tunnel of mcp-tunnel; most begin with the words its own relay used. */
export const OVERLOADED: RelayRefusal = {
  status: 503,
  reason: 'tunnel-busy',
  message: 'tunnel overloaded: its agent takes no more requests now.',
  retryAfterSeconds: 1,
};

export const DISCONNECTED: RelayRefusal = {
  status: 502,
  reason: 'link-lost',
  message: 'tunnel disconnected: it went away before it answered. The request may have been processed.',
};

export const TIMEOUT: RelayRefusal = {
  status: 504,
  reason: 'answer-timeout',
  message: 'tunnel headers timeout: no answer began within 30 s. The request may have been processed.',
};

export const NO_WEBSOCKETS: RelayRefusal = {
  status: 501,
  reason: 'no-upgrade',
  message: "This tunnel's agent cannot carry WebSockets or other upgraded connections.",
};

export const NO_PATH: RelayRefusal = {
  status: 400,
  reason: 'no-path',
  message: "This tunnel's agent cannot be asked for *.",
};

export function requestTooLarge(most: number): RelayRefusal {
  return {
    status: 413,
    reason: 'request-too-large',
    message: `length limit exceeded: this tunnel's agent takes request bodies of at most ${most} bytes.`,
  };
}

export function answerTooLarge(most: number): RelayRefusal {
  return {
    status: 502,
    reason: 'answer-too-large',
    message: `tunnel response body too large: its agent answers in one piece, of at most ${most} bytes here.`,
  };
}

export function badAnswer(why: string): RelayRefusal {
  return {
    status: 502,
    reason: 'bad-answer',
    message: `The answer from the tunnel is not valid HTTP: ${why}.`,
  };
}

/** @param words of the agent, which may be anything; the official ones begin like ours */
export function upstreamError(words: string): RelayRefusal {
  const said = words
    .replace(/^(?:upstream error(?:: )?)+/, '')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 300);
  return {
    status: 502,
    reason: 'upstream-error',
    message: said === '' ? 'upstream error' : `upstream error: ${said}`,
  };
}
