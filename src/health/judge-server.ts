import type { Answer } from './http-asker.ts';
import { printable } from './printable.ts';
import type { RpcError } from './rpc.ts';
import type { Sighting } from './sighting.ts';

/**
 * What an answer of the MCP server itself means. Any JSON-RPC answer proves that it lives, an error
 * just as well as a result: legacy servers refuse `server/discover` in a dozen ways.
 */
export function judgeServer(answer: Answer): Sighting {
  const { latencyMs, status } = answer;
  const seen: Seen = (finding, detail) => ({ finding, detail, latencyMs });
  if (answer.message?.result !== undefined) return seen('ok', 'the server answers');
  const error = answer.message?.error;
  if ((status === 403 || status === 421) && HOST_REFUSED.test(error?.message ?? answer.text)) {
    return seen('host-refused', `the server refuses our Host or Origin (${status} ${quote(error, answer)})`);
  }
  if (error !== undefined && (status < 500 || PROTOCOL_ERRORS.has(error.code))) {
    return seen('ok', `the server answers (JSON-RPC error ${error.code})`);
  }
  return judgeStatus(answer, seen, error);
}

const HOST_REFUSED = /\b(host|origin|dns rebinding|misdirected)\b/i;
/** Parse error, invalid request, unknown method, bad params: the server read what we sent. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602]);
/** nginx, Go and Apache say so in a 400. */
const TLS_EXPECTED = /HTTPS (port|server)|plain HTTP request|speaking plain HTTP to an SSL/i;

type Seen = (finding: Sighting['finding'], detail: string) => Sighting;

function judgeStatus(answer: Answer, seen: Seen, error: RpcError | undefined): Sighting {
  const { status } = answer;
  if (status === 401 || status === 403 || status === 407) {
    return seen('needs-auth', `the server answers, and asks for its own authorization (${status})`);
  }
  if (status === 421) return seen('host-refused', 'the server refuses our Host (421)');
  if (status >= 300 && status < 400) return redirected(answer, seen);
  // Some servers say a missing session in plain text, and with 404 at that.
  if ((status === 404 || status === 405) && !/session/i.test(answer.text)) {
    return seen('wrong-path', `the server knows no MCP at this path (${status})`);
  }
  if (status >= 500) return seen('server-error', `the server fails (${status} ${quote(error, answer)})`);
  if (status === 400 && TLS_EXPECTED.test(answer.text)) {
    return seen('tls-expected', 'the server wants TLS on this port');
  }
  if (status >= 400) return seen('ok', `the server answers (${status})`);
  if (answer.cut !== undefined) return seen('hung-up', `the server broke off its answer (${status})`);
  const type = printable(answer.header('content-type') ?? 'no type');
  return seen('not-mcp', `what answers is no MCP server (${status}, ${type})`);
}

/** Frameworks redirect `/mcp` to `/mcp/` or the other way round, and clients rarely follow a POST. */
function redirected({ status, header }: Answer, seen: Seen): Sighting {
  const location = printable(header('location') ?? '');
  const sighting = seen('redirected', `the server redirects to ${location || 'nowhere'} (${status})`);
  return location.startsWith('/') ? { ...sighting, remedy: `Use --path ${location}.` } : sighting;
}

/** A short, printable piece of what the server said. */
function quote(error: RpcError | undefined, answer: Answer): string {
  return printable(error?.message ?? answer.text) || 'without a reason';
}
