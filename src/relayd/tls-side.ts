import type { TlsOptions } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { TlsChallenges } from '../http1/challenge-front.ts';
import type { RelayServer } from '../relay/edge/relay-server.ts';
import { AcmeIssuer } from './acme/acme-issuer.ts';
import { CertificateFolder } from './acme/certificate-folder.ts';
import { CertificateKeeper } from './acme/certificate-keeper.ts';
import { ChallengeAnswers } from './acme/challenge-answers.ts';
import type { Problems } from './problems.ts';
import { RedirectServer } from './redirect-server.ts';
import type { RelaySettings } from './settings/relay-settings.ts';
import { readTls, type TlsFiles, watchTls } from './tls-files.ts';

/** Where certificates come from. */
export interface TlsSide {
  /** For the relay's own listener. */
  readonly listener: { readonly tls?: TlsOptions; readonly tlsChallenges?: TlsChallenges };
  /**
   * The relay listens: begins what needs that.
   *
   * @throws {TunneldError} `PORT_IN_USE`
   */
  start(server: RelayServer): Promise<void>;
  /**
   * Checks other files, and gives what uses them from now on.
   *
   * @throws {TunneldError} `USAGE` (files that cannot be used)
   */
  prepare(files: RelaySettings['tls']): () => void;
  /** For connections and requests from now on. */
  reconfigure(limits: RelaySettings['limits'], trustedProxies: RelaySettings['trustedProxies']): void;
  stop(): Promise<void>;
}

/**
 * Certificates from files or from an authority, or none; and the listener that sends visitors there.
 *
 * @throws {TunneldError} `USAGE` (files that cannot be used), `STATE_UNWRITABLE` (the folder)
 */
export function createTlsSide(
  settings: RelaySettings,
  problems: Problems,
  clock: Clock,
  log: Logger,
): TlsSide {
  const answers = new ChallengeAnswers();
  const certificates = certificatesOf(settings, answers, problems, clock, log);
  const { redirectPort, host } = settings;
  let redirect: RedirectServer | undefined;
  return {
    listener: certificates === undefined ? {} : { tls: certificates.tls, tlsChallenges: answers },
    async start(server) {
      if (redirectPort !== undefined) {
        const challengeAnswer = (at: string, token: string) => answers.textFor(at, token);
        redirect = new RedirectServer({ ...settings, challengeAnswer, clock, log });
        await redirect.listen({ host, port: redirectPort });
      }
      certificates?.start(server);
    },
    prepare(files) {
      if (files === undefined) return NOTHING;
      if (certificates?.prepare !== undefined) return certificates.prepare(files);
      // They take effect after a restart, and are checked now.
      readTls(files);
      return NOTHING;
    },
    reconfigure(limits, trustedProxies) {
      redirect?.reconfigure(limits, trustedProxies);
    },
    async stop() {
      certificates?.stop();
      await redirect?.close();
    },
  };
}

const NOTHING = () => {};

interface Certificates {
  readonly tls: TlsOptions;
  start(server: RelayServer): void;
  /** Without a restart, only files can be replaced by other files. */
  prepare?(files: TlsFiles): () => void;
  stop(): void;
}

function certificatesOf(
  settings: RelaySettings,
  answers: ChallengeAnswers,
  problems: Problems,
  clock: Clock,
  log: Logger,
): Certificates | undefined {
  const { tls, acme } = settings;
  if (acme !== undefined) return ordered({ ...settings, acme }, answers, problems, clock, log);
  return tls === undefined ? undefined : fromFiles(tls, problems, log);
}

function fromFiles(first: TlsFiles, problems: Problems, log: Logger): Certificates {
  let unwatch = () => {};
  let server: RelayServer | undefined;
  const use = (tls: TlsOptions, { cert }: TlsFiles) => {
    server?.setTls(tls);
    problems.solved('certificate');
    log.info({ cert }, 'certificate read again');
  };
  const watch = (files: TlsFiles) => {
    unwatch();
    unwatch = watchTls(
      files,
      (tls) => use(tls, files),
      (error) => problems.report('certificate', error),
    );
  };
  return {
    tls: readTls(first),
    start(started) {
      server = started;
      watch(first);
    },
    prepare(files) {
      const tls = readTls(files);
      return () => {
        watch(files);
        use(tls, files);
      };
    },
    stop: () => unwatch(),
  };
}

function ordered(
  { acme, publicUrl, redirectPort }: RelaySettings & { readonly acme: NonNullable<RelaySettings['acme']> },
  answers: ChallengeAnswers,
  problems: Problems,
  clock: Clock,
  log: Logger,
): Certificates {
  const store = new CertificateFolder(acme.folder);
  const challenge = redirectPort === undefined ? ('tls-alpn-01' as const) : ('http-01' as const);
  let server: RelayServer | undefined;
  const keeper = new CertificateKeeper({
    issuer: new AcmeIssuer({
      directory: acme.directory,
      email: acme.email,
      challenge,
      answers,
      folder: store,
    }),
    store,
    domain: publicUrl.hostname,
    serves: (host) => server?.serves(host) ?? false,
    ownerOf: (host) => server?.ownerOf(host),
    onOwn: (problem) => {
      if (problem === undefined) problems.solved('certificate');
      else problems.note('certificate', problem);
    },
    clock,
    random: Math.random,
    log,
  });
  return {
    tls: {
      minVersion: 'TLSv1.2',
      SNICallback: (servername, done) => {
        keeper.contextFor(servername).then(
          (context) => done(context === undefined ? new Error('no certificate') : null, context),
          (error: Error) => done(error),
        );
      },
    },
    start(started) {
      server = started;
      keeper.start();
    },
    stop: () => keeper.stop(),
  };
}
