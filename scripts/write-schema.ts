import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/json-schema.ts';

/** `npm run schema`: writes docs/tunneld.schema.json after src/config/schema.ts changed. */
const file = new URL('../docs/tunneld.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
