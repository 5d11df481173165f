// npm marks bins executable when it packs; a checkout run through `npx` needs it done here.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
