import type { OpenRequest, SessionOwner } from '../providers/provider.ts';
import type { TunnelAccess } from './tunnel-access.ts';
import type { UpstreamSide } from './upstream-side.ts';

export interface OpenRequestParts {
  readonly name: string;
  readonly owner: SessionOwner;
  readonly access: TunnelAccess;
  /** The server's side as it is now: it may become another while a session goes on. */
  readonly side: () => UpstreamSide | undefined;
}

/** What a tunnel gives its provider. */
export function openRequest({ name, owner, access, side }: OpenRequestParts): OpenRequest {
  const present = () => {
    const current = side();
    if (current === undefined) throw new Error('A session outlived its gateway');
    return current;
  };
  return {
    name,
    owner,
    access,
    accessTokens: () => access.tellProvider(),
    get gatewayUrl() {
      return present().gatewayUrl;
    },
    accept(exchange) {
      present().accept(exchange);
    },
    announce: (publicUrl) => side()?.urlKnown(publicUrl),
    probeHeaders: (nonce) => side()?.probeHeaders(nonce) ?? [],
  };
}
