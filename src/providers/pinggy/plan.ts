import { TunneldError } from '../../core/errors.ts';
import type { PortRequest, SessionOwner } from '../provider.ts';
import { type Argument, pinggyArguments } from './arguments.ts';
import type { EngineFacts } from './engine.ts';
import { fingerprintOf } from './labels.ts';
import type { PinggyOptions } from './options.ts';
import './errors.ts';

/** What the container of one session shall be, before it exists. */
export interface Plan {
  readonly options: PinggyOptions;
  readonly tunnel: string;
  readonly owner: SessionOwner | undefined;
  readonly network: 'host' | 'bridge';
  /** On this machine's loopback. */
  readonly debuggerPort: number | undefined;
  readonly arguments: readonly Argument[];
  readonly fingerprint: string | undefined;
}

/** Port of the web debugger inside a container that has a network of its own. */
const DEBUGGER = 4300;

/**
 * @param debuggerPort the loopback port to use; undefined when the debugger is off.
 * @throws {TunneldError} `PINGGY_OPTION_INVALID`, `ENGINE_UNSUITABLE`
 */
export function planFor(
  options: PinggyOptions,
  request: PortRequest,
  facts: EngineFacts,
  debuggerPort: number | undefined,
): Plan {
  const network = networkOf(options, facts);
  const argumentsFor = (port: number | undefined) =>
    pinggyArguments(options, {
      gatewayPort: Number(request.gatewayUrl.port),
      accessTokens: request.accessTokens?.() ?? [],
      debugger: port === undefined ? undefined : debuggerAt(network, port),
    });
  // The port differs from container to container and must not keep one from being adopted.
  const lasting = argumentsFor(debuggerPort === undefined ? undefined : 1).map(({ value }) => value);
  const { image, memoryMb, pidsLimit, readOnlyRoot, restartPolicy, knownHosts } = options;
  const wanted = { lasting, image, network, memoryMb, pidsLimit, readOnlyRoot, restartPolicy, knownHosts };
  return {
    options,
    tunnel: request.name,
    owner: request.owner,
    network,
    debuggerPort,
    arguments: argumentsFor(debuggerPort),
    fingerprint: request.owner === undefined ? undefined : fingerprintOf(request.owner, wanted),
  };
}

function debuggerAt(network: Plan['network'], port: number): { address: string; port: number } {
  // With a network of its own the container must listen where a published port arrives.
  return network === 'host' ? { address: '127.0.0.1', port } : { address: '0.0.0.0', port: DEBUGGER };
}

function networkOf(options: PinggyOptions, facts: EngineFacts): Plan['network'] {
  if (options.network !== 'auto') return options.network;
  if (facts.sharesLoopback) return 'host';
  // Pinggy's image maps 127.0.0.1 to the machine around such an engine by itself.
  if (facts.why === 'virtual machine' || options.gatewayHost !== '127.0.0.1') return 'bridge';
  const remedy =
    facts.why === 'rootless'
      ? 'Use the system engine or rootless Podman; or let rootless Docker see the host loopback and set `pinggy.gatewayHost: 10.0.2.2`.'
      : 'Use an engine on this machine, or set `pinggy.gatewayHost` to a name under which its containers reach the gateway.';
  throw new TunneldError(
    'ENGINE_UNSUITABLE',
    `The engine is ${facts.why}: its containers cannot reach 127.0.0.1 of this machine.`,
    { remedy },
  );
}
