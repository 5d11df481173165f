import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/json-schema.ts';
import { relayJsonSchema } from '../src/relayd/settings/json-schema.ts';

/** `npm run schema`: writes the JSON Schemas in docs after a schema in src changed. */
const schemas = { 'tunneld.schema.json': configJsonSchema(), 'relay.schema.json': relayJsonSchema() };
for (const [name, schema] of Object.entries(schemas)) {
  const file = new URL(`../docs/${name}`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(schema, undefined, 2)}\n`);
}
