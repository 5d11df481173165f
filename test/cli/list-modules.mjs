// node --import this file: appends the URL of every module that gets loaded to the file in MODULES.
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';

register(
  `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync } from 'node:fs';
    export async function resolve(specifier, context, next) {
      const result = await next(specifier, context);
      appendFileSync(process.env.MODULES, result.url + '\\n');
      return result;
    }
  `)}`,
);

// What CommonJS packages load themselves does not pass by the hook.
const { cache } = createRequire(import.meta.url);
process.on('exit', () => appendFileSync(process.env.MODULES, `${Object.keys(cache).join('\n')}\n`));
