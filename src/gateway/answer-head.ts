import type { CallerPolicy } from '../access/caller-policy.ts';
import type { RequestHead } from '../core/exchange.ts';
import { editResponseHead, type ParsedResponseHead } from '../http1/response-head.ts';
import { hasLinks, ledHeaders } from './answer-links.ts';
import type { CallerLinks } from './caller-links.ts';
import { allowPage } from './cors.ts';
import { notOfTheServer } from './not-passed.ts';

/** A 1xx head of the server, as the caller gets it. */
export function interimHead(head: ParsedResponseHead, links: CallerLinks | undefined): ParsedResponseHead {
  const led = ledFor(links, head);
  return editResponseHead(head, notOfTheServer(false, led !== undefined), led ?? []);
}

/**
 * The final head of the server's answer, as the caller gets it.
 *
 * @param add headers to append, name and value alternating; more are put into it
 */
export function answerHead(
  head: ParsedResponseHead,
  add: string[],
  request: RequestHead,
  policy: CallerPolicy,
  links: CallerLinks | undefined,
): ParsedResponseHead {
  const forPage = allowPage(policy, request, add, head.get('access-control-expose-headers'));
  const led = ledFor(links, head);
  if (led !== undefined) add.push(...led);
  return editResponseHead(head, notOfTheServer(forPage, led !== undefined), add);
}

/** Its headers with addresses, as this caller needs them; undefined when it has none. */
function ledFor(links: CallerLinks | undefined, head: ParsedResponseHead): string[] | undefined {
  return links !== undefined && hasLinks(head) ? ledHeaders(head, links.server) : undefined;
}
