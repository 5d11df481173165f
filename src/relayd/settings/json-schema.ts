import { z } from 'zod';
import { relaySchema } from './schema.ts';

/** The JSON Schema of `relay.yaml`, for editors: `docs/relay.schema.json` is this, written down. */
export function relayJsonSchema(): Record<string, unknown> {
  return {
    title: 'relay.yaml',
    description: 'Settings of `tunneld relay`. docs/relay.md explains each key.',
    ...z.toJSONSchema(relaySchema, { io: 'input' }),
  };
}
