import { OUR_PREFIX } from '../core/markers.ts';
import type { Carrier } from '../http1/carriers.ts';
import { FORWARDING_HEADERS } from '../http1/forwarding-headers.ts';
import { NameSet } from '../http1/name-set.ts';
import { LINK_HEADERS } from './answer-links.ts';
import { CORS_HEADERS } from './cors.ts';

/** Means nothing to any server, and may hold the token, so all of ours goes. */
const ALWAYS_DROPPED = [...FORWARDING_HEADERS, 'host', 'origin'];

/** By carrier: the one that held the token goes, the others may be the server's own. */
export const NOT_FOR_THE_SERVER: Readonly<Record<Carrier, NameSet>> = {
  header: new NameSet(ALWAYS_DROPPED, OUR_PREFIX),
  'api-key': new NameSet([...ALWAYS_DROPPED, 'x-api-key'], OUR_PREFIX),
  bearer: new NameSet([...ALWAYS_DROPPED, 'authorization'], OUR_PREFIX),
  // A page's own URL holds the token then.
  path: new NameSet([...ALWAYS_DROPPED, 'referer'], OUR_PREFIX),
  query: new NameSet([...ALWAYS_DROPPED, 'referer'], OUR_PREFIX),
};

const FROM_ANYBODY = new NameSet([], OUR_PREFIX);
const WITHOUT_LINKS = new NameSet(LINK_HEADERS, OUR_PREFIX);
const FOR_A_PAGE = new NameSet(CORS_HEADERS, OUR_PREFIX);
const FOR_A_PAGE_WITHOUT_LINKS = new NameSet([...CORS_HEADERS, ...LINK_HEADERS], OUR_PREFIX);

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
