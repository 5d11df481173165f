import { VERSION } from '../core/version.ts';

/** Servers' logs say who asked. */
export const USER_AGENT = { 'user-agent': `tunneld/${VERSION} (health probe)` } as const;
