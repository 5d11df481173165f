import type { z } from 'zod';
import { formsOf } from './schema-forms.ts';

const YES = /^(?:1|true|yes|on)$/i;
const NO = /^(?:0|false|no|off)$/i;

/**
 * What somebody typed for a key, as a file would hold it: `9000` is a number where the key takes one
 * and no text, `yes` is true where it is a switch, and one value is a list of one. What cannot be converted stays as it is, for the
 * schema to refuse.
 */
export function fromText(schema: z.core.$ZodType, text: string): unknown {
  const forms = formsOf(schema).map(({ _zod }) => _zod.def);
  if (forms.some(({ type }) => type === 'string')) return text;
  for (const def of forms) {
    if (def.type === 'array') return [fromText(def.element, text)];
    if (def.type === 'boolean' && YES.test(text)) return true;
    if (def.type === 'boolean' && NO.test(text)) return false;
    if (def.type === 'number' && /^-?\d{1,15}$/.test(text)) return Number(text);
    const literal = def.type === 'literal' ? def.values.find((value) => String(value) === text) : undefined;
    if (literal !== undefined) return literal;
  }
  return text;
}
