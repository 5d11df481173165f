/** What the start of the log tells. Everything is optional: images differ in what they print. */
export interface Banner {
  /** Lines that are nothing but a URL, in order, decoys left out. */
  readonly urls: readonly URL[];
  /** Pinggy will end the session this long after its start (milliseconds). */
  readonly expiresInMs: number | undefined;
  readonly authenticated: boolean | undefined;
}

/** A start prints a dozen lines; whatever comes later was not said by Pinggy's greeting. */
const EARLY_LINES = 60;
const URL_LINE = /^\s*(https:\/\/[a-z0-9.-]+(?::\d{1,5})?)\/?\s*$/;
/** `GET 200 OK /path` and `GET /path 200`: from here on visitors choose the text. */
const REQUEST_LINE = /^\s*(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE)\b/;
/** Names in a greeting that are no tunnel's; `x.a.pinggy.io` is one, `dashboard.pinggy.io` not. */
const DECOY_HOST = new RegExp(
  [
    '^(?:(?:www|docs|blog|dashboard|help|(?:(?:us|eu|ap|br|au)\\.)?(?:a|free|pro)|us|eu|ap|br|au)\\.)?pinggy\\.io$',
    '(?:^|\\.)(?:openssh\\.com|github\\.com|github\\.io|localhost)$',
    '^127\\.',
  ].join('|'),
);

/**
 * Reads the greeting out of the log. A URL must be a whole line of its own, early, and before the
 * first request: request lines carry paths that visitors chose.
 *
 * @param lines plain text, without terminal codes.
 */
export function readBanner(lines: readonly string[]): Banner {
  const firstRequest = lines.findIndex((line) => REQUEST_LINE.test(line));
  const greeting = lines.slice(0, firstRequest === -1 ? EARLY_LINES : Math.min(firstRequest, EARLY_LINES));
  const minutes = greeting
    .map((line) => /tunnel will expire in (\d{1,5}) minutes/i.exec(line)?.[1])
    .find(Boolean);
  return {
    urls: greeting.map(urlOf).filter((url) => url !== undefined),
    expiresInMs: minutes === undefined ? undefined : Number(minutes) * 60_000,
    authenticated: greeting.some((line) => /You are not authenticated/i.test(line))
      ? false
      : greeting.some((line) => /\bauthenticated as\b/i.test(line)) || undefined,
  };
}

function urlOf(line: string): URL | undefined {
  const text = URL_LINE.exec(line)?.[1];
  const url = text === undefined ? null : URL.parse(text);
  return url === null || DECOY_HOST.test(url.hostname) ? undefined : url;
}
