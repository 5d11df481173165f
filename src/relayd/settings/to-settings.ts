import { join, resolve } from 'node:path';
import { resolvePaths } from '../../config/paths.ts';
import type { RelayConfig } from './keys.ts';
import type { RelayAuth, RelaySettings } from './relay-settings.ts';
import { publicUrlOf } from './rules.ts';

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

/** What the keys mean to the relay. */
export function toSettings(config: RelayConfig, auth: RelayAuth, env: NodeJS.ProcessEnv): RelaySettings {
  const publicUrl = publicUrlOf(config);
  if (publicUrl === undefined) throw new Error('settings without a public URL are refused by the schema');
  const { host, port, routing, tlsCert, tlsKey, trustedProxies, proxyProtocol } = config;
  return {
    host,
    port,
    routing,
    publicUrl,
    auth,
    tls: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey },
    acme: config.acme ? acmeOf(config, env) : undefined,
    redirectPort: config.redirectPort || undefined,
    trustedProxies,
    proxyProtocol,
    mcpTunnelAgents: config.mcpTunnelAgents === 'serve',
    adminPort: config.adminPort || undefined,
    adminSocket: config.adminSocket,
    logSample: config.logSample,
    limits: {
      requestsPerAddress: config.ratePerAddress,
      requestsPerTunnel: config.ratePerTunnel,
      connectionsPerAddress: config.connectionsPerAddress || Number.POSITIVE_INFINITY,
      linksPerIdentity: config.linksPerToken || Number.POSITIVE_INFINITY,
      maxRequestBodyBytes: config.maxRequestBody,
      maxResponseBodyBytes: config.maxResponseBody,
    },
    drainMs: config.drainTimeout,
  };
}

function acmeOf(config: RelayConfig, env: NodeJS.ProcessEnv): RelaySettings['acme'] {
  const { acmeDirectory, acmeEmail, acmeFolder } = config;
  const folder = acmeFolder ?? join(resolvePaths(env).stateDir, 'relay-certificates');
  return { directory: new URL(acmeDirectory ?? LETS_ENCRYPT), email: acmeEmail, folder: resolve(folder) };
}
