import { NameSet } from './name-set.ts';
import { editResponseHead, type ParsedResponseHead } from './response-head.ts';

/**
 * What a proxy in front takes for orders of the server behind it: another file or URL to send instead,
 * what to cache, how to treat that server from now on. A tunnel's server is not the one it trusts.
 * `X-Accel-Buffering` passes: event streams need it, and it concerns the answer alone.
 *
 * Sources: nginx (`X-Accel-*`), Apache's mod_xsendfile, lighttpd, LiteSpeed, Perlbal and H2O
 * (`X-Reproxy-*`), Envoy (`x-envoy-*`, which takes a backend out of rotation), the Edge Architecture
 * Specification (`Surrogate-Control`, which turns on ESI) and Akamai.
 */
const ORDERS = new NameSet(
  [
    'x-accel-redirect',
    'x-accel-expires',
    'x-accel-limit-rate',
    'x-accel-charset',
    'x-sendfile',
    'x-sendfile2',
    'x-send-file',
    'x-lighttpd-send-file',
    'x-lighttpd-send-tempfile',
    'x-litespeed-location',
    'surrogate-control',
    'edge-control',
  ],
  ['x-reproxy-', 'x-envoy-'],
);

/** The head of a tunnel's answer as it may pass a proxy in front of the relay. */
export function withoutFrontOrders(head: ParsedResponseHead): ParsedResponseHead {
  return head.has(ORDERS) ? editResponseHead(head, ORDERS, []) : head;
}
