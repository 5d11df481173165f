import { errorTable } from '../../core/errors.ts';
import type { ErrorRow } from '../../core/shared-errors.ts';

/** Failures that only Pinggy and the container it runs in have. See `SHARED_ERRORS`. */
export const PINGGY_ERRORS = errorTable({
  // The engine and its images.
  ENGINE_ADDRESS_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'The address of the container engine cannot be used.',
    remedy: 'Check DOCKER_HOST, `docker context ls` and the `pinggy` keys of the tunnel.',
  },
  ENGINE_UNREACHABLE: {
    retryable: true,
    needsSomebody: true,
    exitCode: 1,
    summary: 'No container engine answers.',
    remedy: 'Start Docker (or Podman) and check it with `docker version`; tunneld keeps trying.',
  },
  ENGINE_PERMISSION: {
    retryable: false,
    exitCode: 1,
    summary: 'This user may not use the container engine.',
    remedy: 'Join the docker group and log in again, or use rootless Podman; then `tunneld restart`.',
  },
  ENGINE_UNSUITABLE: {
    retryable: false,
    exitCode: 2,
    summary: 'Containers of this engine cannot reach services on the loopback of this machine.',
    remedy: 'Use an engine on this machine, or name a way to the gateway with `pinggy.gatewayHost`.',
  },
  ENGINE_FAILED: {
    retryable: true,
    exitCode: 1,
    summary: 'The container engine refused or failed a request.',
    remedy: 'Read what it said; tunneld keeps trying.',
  },
  IMAGE_UNAVAILABLE: {
    retryable: true,
    needsSomebody: true,
    exitCode: 1,
    summary: 'The image is not on this machine and could not be pulled.',
    remedy: 'Check the way to the registry, or load the image with `docker load`; tunneld keeps trying.',
  },
  IMAGE_UNKNOWN: {
    retryable: false,
    exitCode: 2,
    summary: 'There is no such image.',
    remedy: 'Check `pinggy.image`; private registries need `docker pull` by hand first.',
  },

  // Pinggy itself.
  PINGGY_OPTION_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'An option for Pinggy is not usable.',
    remedy: 'Correct the option; docs/providers.md lists them with their forms.',
  },
  PINGGY_UNREACHABLE: {
    retryable: true,
    exitCode: 1,
    summary: 'Pinggy could not be reached.',
    remedy: 'Check outbound access to the Pinggy host on port 443; tunneld keeps trying.',
  },
  PINGGY_HOST_KEY: {
    retryable: false,
    exitCode: 1,
    summary: 'Pinggy presented a host key that is not one of the expected ones.',
    remedy: 'Check with Pinggy whether its keys changed, then update the file named by `pinggy.knownHosts`.',
  },
  PINGGY_TOKEN_ACTIVE: {
    retryable: true,
    exitCode: 1,
    summary: 'Another tunnel already uses this Pinggy token.',
    remedy: 'End the other tunnel, use another token, or let tunneld end it: `pinggy.force: true`.',
  },
  PINGGY_FORWARD_REFUSED: {
    retryable: true,
    exitCode: 1,
    summary: 'Pinggy refused to forward.',
    remedy: 'Check that the token allows another tunnel; tunneld keeps trying.',
  },
  PINGGY_EXITED: {
    retryable: true,
    exitCode: 1,
    summary: 'The Pinggy container ended before it gave a URL.',
    remedy: 'Read what it said in `tunneld logs`; tunneld keeps trying.',
  },
});

declare module '../../core/errors.ts' {
  interface ErrorCodes extends Record<keyof typeof PINGGY_ERRORS, ErrorRow> {}
}
