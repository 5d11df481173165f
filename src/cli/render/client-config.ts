/** What an up prints for pasting: where the server is and what it wants to see. */
export interface ClientConfig {
  readonly servers: Readonly<Record<string, ClientServer>>;
}

interface ClientServer {
  readonly type: 'http';
  readonly url: string;
  readonly headers?: { readonly Authorization: string };
}

/** Stands for the token once it has been shown; most clients fill it in from the environment. */
export const TOKEN_PLACEHOLDER = `\${TUNNELD_TOKEN}`;

/**
 * The `servers` object that MCP clients read (VS Code's `mcp.json` and those that follow it).
 *
 * @param token the access token or its placeholder; undefined when the tunnel needs none
 */
export function clientConfig(name: string, url: string, token: string | undefined): ClientConfig {
  const server: ClientServer =
    token === undefined
      ? { type: 'http', url }
      : { type: 'http', url, headers: { Authorization: `Bearer ${token}` } };
  return { servers: { [name]: server } };
}
