import { fileURLToPath } from 'node:url';

/** The built program: what runs in production, and starts faster than its source would. */
export const AGENT_PROGRAM = fileURLToPath(
  new URL('../../../dist/providers/ngrok/worker.js', import.meta.url),
);
