interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | false;
  readonly default?: unknown;
  readonly description?: string;
}

interface Key {
  /** As docs/config.md writes it: keys of a tunnel without `tunnels.<name>.` before them. */
  readonly path: string;
  readonly default: string;
  readonly description: string;
}

/** Every key of the configuration that holds a value, as docs/config.md has to explain it. */
export function documentedKeys(schema: object): Key[] {
  return keysOf(schema as Node, '').filter(({ path }) => path !== '$schema');
}

function keysOf(node: Node, prefix: string): Key[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    if (child.properties !== undefined) return keysOf(child, `${path}.`);
    if (child.additionalProperties && child.additionalProperties.properties !== undefined)
      return keysOf(child.additionalProperties, '');
    return [{ path, default: shown(child.default), description: child.description ?? '' }];
  });
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
