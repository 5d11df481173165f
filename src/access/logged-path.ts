/**
 * The path as a log may show it: without query, of bounded length, and without tokens, also where
 * the address was mistyped and a token stands in the wrong place.
 *
 * @param isToken knows tokens that do not look like one
 */
export function loggedPath(target: string, isToken: (text: string) => boolean = () => false): string {
  const [path = ''] = target.split(/[?#]/, 1);
  const segments = path.slice(0, MAX_LOGGED_INPUT).split('/');
  const shown = segments.map((segment, at) =>
    at > 1 && segment !== '' && SECRET_MARK.test(segments[at - 1] ?? '')
      ? MASK
      : maskTokens(segment, isToken),
  );
  const text = shown.join('/');
  return text.length > MAX_LOGGED_PATH ? `${text.slice(0, MAX_LOGGED_PATH)}…` : text;
}

/** A part of an address as a log may show it. */
export function maskTokens(text: string, isToken: (text: string) => boolean = () => false): string {
  if (text.length < SHORTEST_TOKEN) return text;
  if (LOOKS_RANDOM.test(text) || isToken(text) || isToken(decoded(text))) return MASK;
  return text.replaceAll(OWN_TOKEN, MASK).replaceAll(ASSIGNED_TOKEN, `$1${MASK}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The segment in front of a token, wherever it ended up: `/.well-known/oauth-…/t/TOKEN`, `/mcp/T/TOKEN`. */
const SECRET_MARK = /^(?:t|%[57]4)$/i;
/** As we make them, whatever they are glued to. */
const OWN_TOKEN = /tnl_[\w-]+/gi;
const ASSIGNED_TOKEN = /((?:token|key|secret)=)[^&;]+/gi;
/** Letters and digits of no word: tokens, and ids of sessions, which are secrets of their own. */
const LOOKS_RANDOM = /^(?=.*\d)(?=.*[a-z])[\w~+=%-]{24,}$/i;
/** What is shorter can be no token of ours. */
const SHORTEST_TOKEN = 8;
const MASK = '***';
const MAX_LOGGED_PATH = 256;
const MAX_LOGGED_INPUT = 2_048;
