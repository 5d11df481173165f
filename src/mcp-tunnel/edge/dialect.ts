import type { PlugDialect } from '../../relay/edge/dialect.ts';
import { McpTunnelAgents } from './agents.ts';
import { RefusedAgents } from './refused-agents.ts';

/**
 * Lets clients of mcp-tunnel and mcpr serve at a relay, or has them told that they may not.
 *
 * @param serve they have no access tokens: whoever knows the address of their tunnels may call them
 */
export function mcpTunnelEdge(serve: boolean): PlugDialect {
  return (context) => (serve ? new McpTunnelAgents(context) : new RefusedAgents(context));
}
