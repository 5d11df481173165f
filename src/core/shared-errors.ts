/** What there is to know of a code. */
export interface ErrorRow {
  readonly retryable: boolean;
  /** Tried again all the same, but hardly with success before the user starts or frees something. */
  readonly needsSomebody?: true;
  readonly exitCode: number;
  readonly summary: string;
  readonly remedy: string;
}

/**
 * Every failure tunneld reports on purpose, but for those that only one provider has: each of these has
 * a table of its own, beside its kind.
 *
 * A code is permanent once released: scripts match on it. Wording may improve freely.
 * `retryable` decides whether the supervisor tries again; `exitCode` is what the CLI returns
 * (1 no, 2 usage or config, 3 not found, 4 daemon unreachable, 5 timed out).
 * `docs/errors.md` mirrors these tables; a test keeps them equal.
 */
export const SHARED_ERRORS = {
  // What the user typed or wrote.
  USAGE: {
    retryable: false,
    exitCode: 2,
    summary: 'The command line was not understood.',
    remedy: 'Run the command with --help to see its options.',
  },
  CONFIG_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'The configuration has mistakes; nothing of it was applied.',
    remedy: 'Correct what is listed; `tunneld config check` looks at the file again.',
  },
  NAME_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'A tunnel name is not usable in a URL or as a file name.',
    remedy: 'Use 1 to 32 lower-case letters, digits and dashes, starting with a letter; not "daemon".',
  },
  UPSTREAM_NOT_LOOPBACK: {
    retryable: false,
    exitCode: 2,
    summary: 'The upstream is not on this machine.',
    remedy: 'Point the tunnel at 127.0.0.1 or localhost, or allow it with --allow-remote-upstream.',
  },
  SECRET_UNAVAILABLE: {
    retryable: false,
    exitCode: 2,
    summary: 'A secret reference (env: or file:) could not be read.',
    remedy: 'Set the variable or create the file (mode 0600), then try again.',
  },
  CONFIG_UNWRITABLE: {
    retryable: false,
    exitCode: 1,
    summary: 'The config file cannot be written; it is as it was.',
    remedy: 'Let the user who runs the command write the file and its folder, or name another with --config.',
  },
  TUNNEL_EXISTS: {
    retryable: false,
    exitCode: 2,
    summary: 'A tunnel of that name is there already; nothing was changed.',
    remedy: 'Give another name with --name, or replace it with --force.',
  },
  IMPORT_NOT_UNDERSTOOD: {
    retryable: false,
    exitCode: 2,
    summary: 'What was to be imported cannot be read; nothing was written.',
    remedy: 'Correct what is named; `tunneld import --help` says what is understood.',
  },
  IMPORT_INCOMPLETE: {
    retryable: false,
    exitCode: 2,
    summary: 'What was to be imported does not say enough to make a tunnel; nothing was written.',
    remedy: 'Say what is missing with the option that is named.',
  },
  TUNNEL_NOT_FOUND: {
    retryable: false,
    exitCode: 3,
    summary: 'No tunnel has that name.',
    remedy: 'Run `tunneld ps` to list the tunnels.',
  },

  // The daemon and its files.
  DAEMON_UNREACHABLE: {
    retryable: true,
    exitCode: 4,
    summary: 'No daemon answers on the control socket.',
    remedy: 'Start it with `tunneld daemon start`, or bring a tunnel up with `tunneld up`.',
  },
  DAEMON_SILENT: {
    retryable: true,
    exitCode: 4,
    summary: 'The daemon runs, and does not answer on its control socket.',
    remedy: 'Wait a moment and try again; `tunneld daemon stop` ends it by its process id.',
  },
  DAEMON_START_FAILED: {
    retryable: false,
    exitCode: 4,
    summary: 'The daemon did not start.',
    remedy: 'Read the reason above; `tunneld daemon run` shows the same start in the foreground.',
  },
  DAEMON_FAILED: {
    retryable: false,
    exitCode: 1,
    summary: 'The daemon failed in a way this command has no better name for.',
    remedy: 'Look in daemon.log; `tunneld daemon status` says in which folder.',
  },
  DAEMON_ALREADY_RUNNING: {
    retryable: false,
    exitCode: 1,
    summary: 'Another daemon of this user is already running.',
    remedy: 'Use the running one, or stop it first with `tunneld daemon stop`.',
  },
  DAEMON_STOPPING: {
    retryable: false,
    exitCode: 1,
    summary: 'The daemon is ending, and takes no more changes.',
    remedy: 'Wait until it has ended (`tunneld daemon stop` waits), then run the command again.',
  },
  PROTOCOL_MISMATCH: {
    retryable: false,
    exitCode: 4,
    summary: 'The running daemon is of a version this command cannot talk to.',
    remedy: 'Restart the daemon: `tunneld daemon stop`, then `tunneld daemon start`.',
  },
  SOCKET_UNUSABLE: {
    retryable: false,
    exitCode: 2,
    summary: 'The control socket cannot be created.',
    remedy: 'Make its folder writable by you (mode 0700), or choose another with TUNNELD_RUNTIME_DIR.',
  },
  STATE_UNWRITABLE: {
    retryable: false,
    exitCode: 2,
    summary: 'The state folder cannot be written.',
    remedy: 'Make it writable by you, free disk space, or choose another with TUNNELD_STATE_DIR.',
  },
  STATE_NEWER: {
    retryable: false,
    exitCode: 2,
    summary: 'The state was written by a newer version of tunneld, and is left as it is.',
    remedy: 'Run the newer version, or choose another folder with TUNNELD_STATE_DIR.',
  },
  SYSTEM_REFUSED: {
    retryable: false,
    exitCode: 1,
    summary: 'The system refused something this command needs.',
    remedy: 'Read what it said: the rights, the space or the limits of this user are in the way.',
  },
  PORT_IN_USE: {
    retryable: false,
    // Not 2: the same start may succeed a moment later, and a service manager should try.
    exitCode: 1,
    summary: 'A port the daemon needs is taken by another program.',
    remedy: 'Stop that program, or set another port in the configuration (0 picks a free one).',
  },
  INTERNAL: {
    retryable: false,
    exitCode: 1,
    summary: 'Something happened that tunneld did not expect: a bug.',
    remedy: 'Look for the stack in the log (`tunneld logs`), and report it.',
  },
  WAIT_TIMED_OUT: {
    retryable: true,
    exitCode: 5,
    summary: 'The tunnel was not healthy in time. It is kept, and goes on trying.',
    remedy: 'Run `tunneld status` to see which leg fails and why.',
  },

  DEMO_FAILED: {
    retryable: false,
    exitCode: 1,
    summary: 'A step of `tunneld demo` did not do what it should.',
    remedy: 'Report it with the lines above: the demo depends on nothing but this machine.',
  },

  // The service manager of the system.
  SERVICE_UNAVAILABLE: {
    retryable: false,
    exitCode: 1,
    summary: 'There is no service manager here that tunneld could use.',
    remedy: 'Have the one of your system run `tunneld daemon run`.',
  },
  SERVICE_PERMISSION: {
    retryable: false,
    exitCode: 1,
    summary: 'The service manager does not let you do this.',
    remedy: 'Run it again with sudo, or install the service for yourself with --user.',
  },
  SERVICE_NOT_INSTALLED: {
    retryable: false,
    exitCode: 3,
    summary: 'No service of tunneld is installed.',
    remedy: 'Install it with `tunneld service install`.',
  },
  SERVICE_FAILED: {
    retryable: false,
    exitCode: 1,
    summary: 'The service manager refused or failed.',
    remedy: 'Read what it said; `tunneld service logs` shows what the daemon said.',
  },

  // Servers that are programs, and their sessions.
  SERVER_NOT_STARTED: {
    retryable: true,
    exitCode: 1,
    summary: 'The program of a server cannot be started.',
    remedy: 'Check `command`, `cwd` and the PATH of the daemon; run the command by hand in that folder.',
  },
  SERVER_EXITED: {
    retryable: true,
    exitCode: 1,
    summary: 'The program of a server ended.',
    remedy: '`tunneld logs` has what it wrote; run the command by hand to see more.',
  },
  SERVER_SILENT: {
    retryable: true,
    exitCode: 1,
    summary: 'The program of a server runs, and does not answer its first question.',
    remedy: 'Check that the command speaks MCP over stdio; `tunneld logs` has what it wrote.',
  },
  SERVER_OUTPUT: {
    retryable: true,
    exitCode: 1,
    summary: 'The standard output of a server cannot be read any further.',
    remedy: 'Have the server write one message a line; raise `limits.messageBytes` if it means to send more.',
  },
  SERVER_UNREACHABLE: {
    retryable: true,
    exitCode: 1,
    summary: 'A server that speaks HTTP+SSE cannot be reached, or broke its stream.',
    remedy: 'Start the server, and check that `sse` is where it opens its event stream.',
  },
  SERVER_NO_ROOM: {
    retryable: true,
    exitCode: 1,
    summary: 'This machine cannot start another program.',
    remedy: 'Raise its limits of open files and processes (`ulimit -n`, `ulimit -u`), or free memory.',
  },
  SERVERS_FULL: {
    retryable: true,
    exitCode: 1,
    summary: 'As many processes of a server run as `limits.processes` allows, and all are in use.',
    remedy: 'Raise `limits.processes`, or set `process: shared` where clients may share one process.',
  },
  SERVER_HOST_LOST: {
    retryable: true,
    exitCode: 1,
    summary: 'The process that runs the servers was lost; another one takes its place.',
    remedy: 'Nothing to do: it is started again. `tunneld logs daemon` says how it ended.',
  },
  SESSION_ENDED: {
    retryable: true,
    exitCode: 1,
    summary: 'The MCP session of a client is over.',
    remedy: 'Nothing to do: clients open another one by themselves.',
  },

  // Tunnels.
  PROVIDER_UNKNOWN: {
    retryable: false,
    exitCode: 2,
    summary: 'No provider has that name.',
    remedy: 'Use one of the providers listed by `tunneld up --help`.',
  },
  TUNNEL_OPEN_TIMEOUT: {
    retryable: true,
    exitCode: 1,
    summary: 'The provider gave no public URL in time.',
    remedy: 'Check outbound access to the provider; tunneld keeps trying.',
  },
  SESSION_LOST: {
    retryable: true,
    exitCode: 1,
    summary: 'The session with the provider broke off.',
    remedy: 'Nothing to do: tunneld opens another. If it goes on, `tunneld logs` shows how each ended.',
  },
  CREDENTIAL_REJECTED: {
    retryable: false,
    exitCode: 1,
    summary: 'The provider refused our credential.',
    remedy: 'Check the token given for this provider, then `tunneld restart`.',
  },
  RELAY_UNREACHABLE: {
    retryable: true,
    exitCode: 1,
    summary: 'The relay could not be reached.',
    remedy: 'Check the relay address and that the relay is running; tunneld keeps trying.',
  },
  RELAY_CERTIFICATE: {
    retryable: true,
    exitCode: 1,
    summary: 'The certificate of the relay is not accepted.',
    remedy: 'Check the certificate of the relay and the clock of this machine; tunneld keeps trying.',
  },
  RELAY_PROXY: {
    retryable: true,
    exitCode: 1,
    summary: 'The proxy on the way to the relay opens no way.',
    remedy:
      'Check HTTPS_PROXY and HTTP_PROXY of the daemon, or list the relay in NO_PROXY and restart it; tunneld keeps trying.',
  },
  NOT_A_RELAY: {
    retryable: true,
    exitCode: 1,
    summary: 'What answers at the address of the relay is no relay.',
    remedy:
      'Check the address of the relay; in a network with a login page, log in first. tunneld keeps trying.',
  },
  RELAY_SUSPENDED: {
    retryable: true,
    exitCode: 1,
    summary: 'Whoever runs the relay keeps the tunnel off for a time.',
    remedy: 'Nothing to do: it comes back by itself. The operator of the relay knows why.',
  },
  RELAY_NAME_TAKEN: {
    retryable: false,
    exitCode: 1,
    summary: 'Somebody else holds this tunnel name on the relay.',
    remedy: 'Choose another name with --name, or free the old one.',
  },
  RELAY_NAME_DENIED: {
    retryable: false,
    exitCode: 1,
    summary: 'The relay does not give this name to our token.',
    remedy: 'Ask for a name the token may have with `--name`, or for a token that may have this one.',
  },
  RELAY_NAME_HELD: {
    retryable: true,
    exitCode: 1,
    summary: 'Another agent with the same credential serves this tunnel name, and is left in peace.',
    remedy:
      'Nothing to do: it comes up here once the other one has left. To have it here now, use `tunneld restart`.',
  },
  RELAY_SUPERSEDED: {
    retryable: false,
    exitCode: 1,
    summary: 'Another agent with the same credential took this tunnel name over.',
    remedy: 'Stop the other one or give it another name, then `tunneld restart`.',
  },
  RELAY_DISMISSED: {
    retryable: false,
    exitCode: 1,
    summary: 'Whoever runs the relay ended the tunnel.',
    remedy: 'Ask the operator of the relay why; then `tunneld restart`.',
  },
  RELAY_PUBLIC_URL: {
    retryable: false,
    exitCode: 1,
    summary: 'The relay names a public URL that is not its own.',
    remedy: 'Do not use this relay, or allow the host with `relay.publicHosts` if it is known to be its own.',
  },
  RELAY_PROTOCOL: {
    retryable: true,
    exitCode: 1,
    summary: 'The relay said something the protocol does not allow.',
    remedy: 'Check that both ends run a supported version; docs/relay-protocol.md says which.',
  },
  CERTIFICATE_FAILED: {
    retryable: true,
    exitCode: 1,
    summary: 'A certificate authority gave the relay no certificate.',
    remedy:
      'Make sure that the name leads to this relay from the internet: port 443, or port 80 with --redirect-port. It is tried again.',
  },
  TUNNEL_UNHEALTHY: {
    retryable: true,
    exitCode: 1,
    summary: 'The tunnel is kept, but does not serve, and waiting alone will not change that.',
    remedy: 'Run `tunneld status` to see which leg fails and why.',
  },
  NO_PUBLIC_URL: {
    retryable: true,
    exitCode: 1,
    summary: 'The tunnel has not had a public URL yet.',
    remedy: 'Run `tunneld status` to see what it waits for.',
  },
  TUNNEL_EXPOSED: {
    retryable: false,
    exitCode: 1,
    summary: 'The public URL answered without a token; the tunnel was closed at once.',
    remedy: 'Look for another service on the same address, then `tunneld restart`.',
  },
} as const satisfies Record<string, ErrorRow>;
