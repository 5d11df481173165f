import { printable } from './printable.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Answer } from './question.ts';
import type { RpcError } from './rpc.ts';

/**
 * What an answer of the MCP server itself means. Any JSON-RPC answer proves that it lives, an error
 * just as well as a result: legacy servers refuse `server/discover` in a dozen ways. Nothing else
 * does: routers, media players and web pages answer 4xx as well.
 */
export function judgeServer(answer: Answer): Saw {
  const { latencyMs, status } = answer;
  const seen: Seen = (finding, detail) => ({ finding, detail, latencyMs });
  if (answer.message?.result !== undefined) return seen('ok', 'the server answers');
  const error = answer.message?.error;
  if (error !== undefined && isDisconnected(error.message)) {
    return seen('server-error', `the server behind the endpoint is gone ("${printable(error.message)}")`);
  }
  if ((status === 403 || status === 421) && HOST_REFUSED.test(error?.message ?? answer.text)) {
    return seen('host-refused', `the server refuses our Host or Origin (${status} ${quote(error, answer)})`);
  }
  if (error !== undefined && (status < 500 || PROTOCOL_ERRORS.has(error.code))) {
    return seen('ok', `the server answers (JSON-RPC error ${error.code})`);
  }
  if (status < 500 && saysMcp(answer))
    return seen('ok', `the server answers (${status} ${quote(error, answer)})`);
  return judgeStatus(answer, seen, error);
}

/** A result that does not say yet what was asked; without a connection that does not matter. */
export type Saw = Omit<ProbeResult, 'basis'> & { readonly basis?: 'tcp' };

/** What wrappers of stdio servers answer to every call once their child has died. */
export function isDisconnected(message: string): boolean {
  return /^(?:MCP error -?\d+: )?(?:Not connected|Connection closed)\.?$/i.test(message);
}

const HOST_REFUSED = /\b(host|origin|dns rebinding|misdirected)\b/i;
/** Parse error, invalid request, unknown method, bad params: the server read what we sent. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602]);
/** nginx, Go and Apache say so in a 400. */
const TLS_EXPECTED = /HTTPS (port|server)|plain HTTP request|speaking plain HTTP to an SSL/i;

/**
 * Refusals of MCP servers that are no JSON-RPC: the Go, Python, Rust and Java SDKs have such, and
 * hand-written servers copy the examples'. Whole texts, so that a page with such a word is none.
 */
const MCP_TEXTS = [
  /^(?:Bad Request: |Not Found: )?(?:invalid|missing|unknown|no|no valid|no active|invalid or missing|missing or invalid) (?:MCP |SSE )?(?:session|sessionid|transport)\b[^<\n]{0,60}$/i,
  /^(?:MCP |SSE )?session(?: ?id)? (?:not found|not initialized|is required|required|must be|missing|terminated)\b[^<\n]{0,40}$/i,
  /^(?:sessionid|session_id|mcp-session-id) (?:must be|is|header|not|required|missing)\b[^<\n]{0,60}$/i,
  /^Unauthorized: Session (?:ID is required|not found)$/i,
  /^(?:Bad Request: )?Server not initialized$/i,
  /^(?:Not Acceptable: |Accept must contain )[^<\n]{0,40}(?:text\/event-stream|application\/json)[^<\n]{0,60}$/i,
  /^(?:Bad Request: )?Unsupported protocol version\b[^<\n]{0,200}$/i,
  /^Unexpected message, expect initialize request$/i,
  /^malformed payload: [^<\n]{0,200}$/i,
];

function saysMcp({ text, header }: Answer): boolean {
  const said = text.trim();
  if (/html/i.test(header('content-type') ?? '')) return false;
  if (MCP_TEXTS.some((pattern) => pattern.test(said))) return true;
  // The Java SDK's errors have no envelope.
  return /^\{"code":-32\d{3},"message":"/.test(said);
}

type Seen = (finding: ProbeResult['finding'], detail: string) => Saw;

function judgeStatus(answer: Answer, seen: Seen, error: RpcError | undefined): Saw {
  const { status, header } = answer;
  if (status === 401 || status === 403 || status === 407) return judgeLogin(answer, seen);
  if (status === 421) return seen('host-refused', 'the server refuses our Host (421)');
  if (status >= 300 && status < 400) return redirected(answer, seen);
  if (status === 429) return limited(answer, seen);
  // Python's simplest web server says 501 to any POST.
  if (status === 404 || status === 405 || status === 501) {
    return seen('wrong-path', `the server knows no MCP at this path (${status})`);
  }
  if (status >= 500) return seen('server-error', `the server fails (${status} ${quote(error, answer)})`);
  if (status === 400 && TLS_EXPECTED.test(answer.text)) {
    return seen('tls-expected', 'the server wants TLS on this port');
  }
  if (answer.cut !== undefined) return seen('hung-up', `the server broke off its answer (${status})`);
  const type = printable(header('content-type') ?? 'no type');
  return seen('not-mcp', `what answers is no MCP server (${status}, ${type})`);
}

/**
 * A refusal that an MCP client can answer with a token is the server's own. A password prompt, or a
 * refusal without a word, is what routers and media players have.
 */
function judgeLogin(answer: Answer, seen: Seen): Saw {
  const { status, header } = answer;
  const challenge = header('www-authenticate') ?? '';
  const type = header('content-type') ?? '';
  const prompts = /^\s*(?:Basic|Digest|NTLM|Negotiate)\b/i.test(challenge);
  const bare = status !== 401 && challenge === '' && !/json/i.test(type);
  if (status !== 407 && !prompts && !bare && !/html/i.test(type)) {
    const asks = `the server answers, and asks for its own authorization (${status})`;
    return { ...seen('needs-auth', asks), askedForLogin: true };
  }
  const who = printable(header('server') ?? '', 40) || printable(type) || 'no type';
  return {
    ...seen('not-mcp', `what answers refuses us without a sign of MCP (${status}, ${who})`),
    remedy: LOGIN_REMEDY,
    askedForLogin: true,
  };
}

const LOGIN_REMEDY =
  'Check the port: AirPlay has 5000 and 7000 on a Mac. If an MCP server stands behind this login, set health.authorization.';

function limited({ header }: Answer, seen: Seen): Saw {
  const retryAfterMs = Number(header('retry-after')) * 1_000;
  return {
    ...seen('limited', 'the server limits how often it may be asked (429)'),
    remedy: 'Raise the limit of the server for this machine, or set health.schedule to look less often.',
    ...(retryAfterMs > 0 && { retryAfterMs }),
  };
}

/** Frameworks redirect `/mcp` to `/mcp/` or the other way round, and clients rarely follow a POST. */
function redirected({ status, header }: Answer, seen: Seen): Saw {
  const location = printable(header('location') ?? '');
  const result = seen('redirected', `the server redirects to ${location || 'nowhere'} (${status})`);
  return location.startsWith('/') ? { ...result, remedy: `Use --path ${location}` } : result;
}

/** A short, printable piece of what the server said. */
function quote(error: RpcError | undefined, answer: Answer): string {
  return printable(error?.message ?? answer.text) || 'without a reason';
}
