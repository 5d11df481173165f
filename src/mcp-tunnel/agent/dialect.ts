import type { AgentDialect } from '../../relay/agent/dialect.ts';
import { REGISTER_ENDPOINT } from '../wire/register-endpoint.ts';
import { openMcpTunnelSession } from './open-session.ts';

/** Serves at relays of mcp-tunnel and of mcpr. */
export const mcpTunnelAgent: AgentDialect = {
  name: 'mcp-tunnel',
  endpoint: REGISTER_ENDPOINT,
  open: openMcpTunnelSession,
};
