import type { TunnelConfig } from '../config/schema.ts';
import type { StoredToken } from '../config/state-schema.ts';

/** What is wanted of a tunnel. */
export interface TunnelDefinition {
  readonly config: TunnelConfig;
  readonly source: 'file' | 'cli';
  readonly desired: 'up' | 'down';
  /** Newest first. */
  readonly tokens: readonly StoredToken[];
}
