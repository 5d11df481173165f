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

/** What a tunnel gives its provider, by the way in which requests come from its agent. */
export function openRequest(
  way: OpenRequest['way'],
  { name, owner, access, side }: OpenRequestParts,
): OpenRequest {
  const present = () => {
    const current = side();
    if (current === undefined) throw new Error('A session outlived its gateway');
    return current;
  };
  const announce = (publicUrl: URL) => side()?.urlKnown(publicUrl);
  if (way === 'port') {
    return {
      way,
      name,
      announce,
      owner,
      accessTokens: () => access.tellProvider(),
      get gatewayUrl() {
        return present().gatewayUrl;
      },
    };
  }
  return {
    way,
    name,
    announce,
    access,
    accept(exchange) {
      present().accept(exchange);
    },
    probeHeaders: (nonce) => side()?.probeHeaders(nonce) ?? [],
  };
}
