// The man page that npm installs beside the program, and the completion scripts that `tunneld completion`
// prints: a shell asks for one whenever it starts.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = (file) => fileURLToPath(new URL(`../dist/${file}`, import.meta.url));
const printed = (...words) => execFileSync(process.execPath, [dist('cli/main.js'), ...words]);

writeFileSync(dist('tunneld.1'), printed('man'));
for (const shell of ['bash', 'zsh', 'fish']) {
  // What an earlier build left would be printed again.
  rmSync(dist(`completion.${shell}`), { force: true });
  writeFileSync(dist(`completion.${shell}`), printed('completion', shell));
}
