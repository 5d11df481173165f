import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The JSON Schema of `tunneld.yaml`, for editors: `docs/tunneld.schema.json` is this, written down. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    title: 'tunneld.yaml',
    description: 'Configuration of tunneld. docs/config.md explains each key.',
    ...z.toJSONSchema(configSchema, { io: 'input' }),
  };
}
