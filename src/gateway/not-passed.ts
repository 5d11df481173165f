import type { Carrier } from '../access/carriers.ts';
import { OUR_PREFIX } from '../core/markers.ts';
import { FORWARDING_HEADERS, FORWARDING_PREFIXES } from '../http1/forwarding-headers.ts';
import { NameSet } from '../http1/name-set.ts';
import { LINK_HEADERS } from './answer-links.ts';
import { CORS_HEADERS } from './cors.ts';

/** Claims about the caller that the caller could have made up, and headers of ours, which may hold the token. */
function withFalseWords(names: readonly string[]): NameSet {
  return new NameSet(
    [...FORWARDING_HEADERS, 'host', 'origin', ...names],
    [...FORWARDING_PREFIXES, OUR_PREFIX],
  );
}

/** By carrier: the one that held the token goes, the others may be the server's own. */
export const NOT_FOR_THE_SERVER: Readonly<Record<Carrier, NameSet>> = {
  header: withFalseWords([]),
  'api-key': withFalseWords(['x-api-key']),
  bearer: withFalseWords(['authorization']),
  // A page's own URL holds the token then.
  path: withFalseWords(['referer']),
  query: withFalseWords(['referer']),
};

const FROM_ANYBODY = new NameSet([], [OUR_PREFIX]);
const WITHOUT_LINKS = new NameSet(LINK_HEADERS, [OUR_PREFIX]);
const FOR_A_PAGE = new NameSet(CORS_HEADERS, [OUR_PREFIX]);
const FOR_A_PAGE_WITHOUT_LINKS = new NameSet([...CORS_HEADERS, ...LINK_HEADERS], [OUR_PREFIX]);

/**
 * Headers of an answer that are ours to say, never the server's.
 *
 * @param forPage the caller is a page that may read the answer
 * @param ledLinks those that hold links are written anew
 */
export function notOfTheServer(forPage: boolean, ledLinks: boolean): NameSet {
  if (forPage) return ledLinks ? FOR_A_PAGE_WITHOUT_LINKS : FOR_A_PAGE;
  return ledLinks ? WITHOUT_LINKS : FROM_ANYBODY;
}
