import type { z } from 'zod';

/**
 * What a key may be written as: its schema without what only says that it may be absent, or what is
 * made of it. Several where it may be written in several ways.
 */
export function formsOf(schema: z.core.$ZodType): readonly z.core.$ZodTypes[] {
  const known = schema as z.core.$ZodTypes;
  const { def } = known._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'readonly':
      return formsOf(def.innerType);
    case 'pipe':
      return formsOf(def.in);
    case 'union':
      return def.options.flatMap(formsOf);
    default:
      return [known];
  }
}

/** The names of the keys there are at `path`; none where a value is due. `*` or a number is an entry of a list. */
export function keysAt(schema: z.core.$ZodType, path: readonly string[]): readonly string[] {
  const forms = path.reduce(
    (above, segment) => above.flatMap((form) => formsBelow(form, segment)),
    formsOf(schema),
  );
  return [
    ...new Set(forms.flatMap(({ _zod: { def } }) => (def.type === 'object' ? Object.keys(def.shape) : []))),
  ];
}

function formsBelow({ _zod: { def } }: z.core.$ZodTypes, segment: string): readonly z.core.$ZodTypes[] {
  if (def.type === 'record') return formsOf(def.valueType);
  if (def.type === 'array') return formsOf(def.element);
  if (def.type !== 'object' || !Object.hasOwn(def.shape, segment)) return [];
  const below = def.shape[segment];
  return below === undefined ? [] : formsOf(below);
}
