import type { z } from 'zod';
import type { OptionRow } from '../../config/option-row.ts';
import { formsOf } from '../../config/schema-forms.ts';
import { type RelayKey, relayKeys, shown } from './keys.ts';

/** Names the file when `--config` does not. */
export const CONFIG_VARIABLE = 'TUNNELD_RELAY_CONFIG';

export const VARIABLE_PREFIX = 'TUNNELD_RELAY_';

export const RELAY_KEYS = Object.keys(relayKeys) as readonly RelayKey[];

/** `ratePerAddress` → `rate-per-address`. */
export function optionOf(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `ratePerAddress` → `TUNNELD_RELAY_RATE_PER_ADDRESS`. */
export function variableOf(key: string): string {
  return VARIABLE_PREFIX + optionOf(key).toUpperCase().replaceAll('-', '_');
}

export function isRelayKey(key: string): key is RelayKey {
  return Object.hasOwn(relayKeys, key);
}

/** The options of `tunneld relay`, by name. */
export const RELAY_OPTIONS: Readonly<Record<string, OptionRow>> = Object.fromEntries(
  RELAY_KEYS.map((key) => [optionOf(key), rowOf(key, relayKeys[key])]),
);

function rowOf(key: RelayKey, schema: z.ZodType): OptionRow {
  const value = shown.get(schema)?.value;
  const summary = summaryOf(schema);
  if (value === undefined) return { key, type: 'boolean', summary };
  const forms = formsOf(schema).map(({ _zod }) => _zod.def);
  const values = forms.flatMap((form) =>
    form.type === 'enum' ? Object.values(form.entries).map(String) : [],
  );
  return {
    key,
    type: 'string',
    value,
    summary,
    ...(values.length > 0 ? { values } : {}),
    ...(forms.some(({ type }) => type === 'array') ? { multiple: true } : {}),
  };
}

/** What docs and editors say of it, without the full stop and with its default. */
function summaryOf(schema: z.ZodType): string {
  const text = (schema.description ?? '').replaceAll('`', '').replace(/\.$/, '');
  const fallback = defaultOf(schema);
  return ['number', 'string'].includes(typeof fallback) ? `${text}; default: ${fallback}` : text;
}

function defaultOf(schema: z.core.$ZodType): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'default' || def.type === 'prefault' ? def.defaultValue : undefined;
}
