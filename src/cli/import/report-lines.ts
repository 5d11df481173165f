import { Redactor } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';
import type { Paint } from '../io.ts';
import type { Plan, PlannedSecret } from './plan.ts';
import type { Note, Recipe } from './recipe.ts';

/** One part of what was imported, as it is shown and printed as JSON. */
export interface ShownNote {
  readonly from: string;
  /** The key it became, and its value. */
  readonly key?: string;
  readonly value?: unknown;
  readonly why?: string;
}

export interface Shown {
  readonly carried: readonly ShownNote[];
  readonly same: readonly ShownNote[];
  readonly left: readonly ShownNote[];
  readonly advice: readonly string[];
  /** The entry, for people to see. */
  readonly spec: unknown;
}

export interface Imported {
  readonly name: string;
  readonly configFile: string;
  readonly shown: Shown;
  readonly secrets: readonly PlannedSecret[];
  /** The entry as YAML, free of secrets. */
  readonly entry: string;
  /** There was a tunnel of that name. */
  readonly replaced: boolean;
}

/** What was done, free of secrets: those of arguments too, which the config file keeps as they are. */
export function shownOf({ notes, advice, spec }: Plan, recipe: Recipe): Shown {
  const clean = cleanerFor(recipe);
  const note = (entry: Note): ShownNote => {
    if (entry.kind !== 'carried') return { from: clean(entry.from), why: clean(entry.why) };
    return {
      from: clean(entry.from),
      key: entry.key,
      value: deeply(valueAt(spec, entry.key), clean),
      ...(entry.remark === undefined ? {} : { why: clean(entry.remark) }),
    };
  };
  const of = (kind: Note['kind']) => notes.filter((entry) => entry.kind === kind).map(note);
  return {
    carried: of('carried'),
    same: of('same'),
    left: of('left'),
    advice: advice.map(clean),
    spec: deeply(spec, clean),
  };
}

/** Takes every secret that was met out of a text. */
export function cleanerFor(recipe: Pick<Recipe, 'secrets'>): (text: string) => string {
  const redactor = new Redactor();
  for (const value of recipe.secrets) redactor.add(new Secret(value));
  return (text) => redactor.clean(text);
}

/** What `tunneld import` prints. */
export function importedLines(imported: Imported, written: boolean, paint: Paint): readonly string[] {
  const { name, configFile, replaced, entry, shown } = imported;
  const outcome = written
    ? [
        `${paint.bold(name)} is ${replaced ? 'replaced' : 'added'} in ${configFile}`,
        `  next    tunneld up ${name}`,
      ]
    : [`Nothing is written. It would be in ${configFile}:`, '', ...entry.trimEnd().split('\n')];
  return [...noteLines(shown), '', ...outcome, ...shown.advice.map((line) => `  note    ${line}`)];
}

/** The same for programs. */
export function importedJson(imported: Imported, written: boolean): object {
  const { name, configFile, replaced, secrets, shown } = imported;
  const { spec, ...notes } = shown;
  const kept = secrets.map(({ key, file }) => ({ key, file }));
  return { name, file: configFile, written, replaced, entry: spec, secrets: kept, ...notes };
}

function noteLines({ carried, same, left }: Shown): readonly string[] {
  const width = Math.min(40, Math.max(0, ...[...carried, ...same, ...left].map(({ from }) => from.length)));
  const line = (note: ShownNote) => `  ${note.from.padEnd(width)}  ${meaningOf(note)}`;
  const part = (title: string, notes: readonly ShownNote[]) =>
    notes.length === 0 ? [] : ['', `${title}:`, ...notes.map(line)];
  return [
    ...part('Carried over', carried),
    ...part('Needs nothing', same),
    ...part('Not carried over', left),
  ].slice(1);
}

function meaningOf({ key, value, why }: ShownNote): string {
  const meaning =
    key === undefined ? '' : `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return [meaning, why].filter((part) => part !== undefined && part !== '').join('; ');
}

function valueAt(spec: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, segment) => (value as Record<string, unknown> | undefined)?.[segment], spec);
}

/** A path of ours may hold what a variable of the server holds as well. */
function deeply(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === 'string') return /(?:^|:\s?)file:\//.test(value) ? value : clean(value);
  if (Array.isArray(value)) return value.map((item) => deeply(item, clean));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deeply(inner, clean)]));
}
