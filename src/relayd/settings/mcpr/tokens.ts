/** A token and its names as two keys of an entry, so that a token may hold colons and blanks. */
interface Entry {
  readonly token: string;
  readonly names: readonly string[];
}

/**
 * `[{"token": "…", "subdomains": ["…"]}]`, as mcp-tunnel has it in JSON and mcpr in TOML, as entries
 * of `staticToken`. Their text is secret.
 */
export function tokenEntries(
  list: unknown,
  where: string,
  complain: (what: string) => void,
): readonly Entry[] {
  if (!Array.isArray(list)) {
    complain('Expected a list of {"token": "…", "subdomains": ["…"]}');
    return [];
  }
  return (list as readonly unknown[]).flatMap((item, index) => {
    const entry = entryOf(item);
    if (entry === undefined) {
      complain(`Entry ${index + 1} of ${where} is not {"token": "…", "subdomains": ["…"]}`);
    }
    return entry ?? [];
  });
}

function entryOf(item: unknown): Entry | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { token, subdomains } = item as { readonly token?: unknown; readonly subdomains?: unknown };
  const patterns = Array.isArray(subdomains) ? (subdomains as readonly unknown[]) : [];
  const names = patterns.flatMap((name) =>
    typeof name === 'string' && name.trim() !== '' ? [name.trim()] : [],
  );
  const isComplete = typeof token === 'string' && token !== '' && names.length > 0;
  return isComplete && names.length === patterns.length ? { token, names } : undefined;
}
