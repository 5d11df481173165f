// The man page that npm installs beside the program: what `tunneld man` prints.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = (file) => fileURLToPath(new URL(`../dist/${file}`, import.meta.url));
writeFileSync(dist('tunneld.1'), execFileSync(process.execPath, [dist('cli/main.js'), 'man']));
