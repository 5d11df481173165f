import type { CertificateFolder } from './certificate-folder.ts';
import type { Issuer } from './certificate-keeper.ts';
import type { ChallengeAnswers } from './challenge-answers.ts';

/** One request to the authority may take this long (milliseconds). */
const REQUEST_TIMEOUT_MS = 30_000;

export interface AcmeIssuerOptions {
  /** The authority's directory. */
  readonly directory: URL;
  /** Where the authority may write to. */
  readonly email: string | undefined;
  readonly challenge: 'http-01' | 'tls-alpn-01';
  readonly answers: ChallengeAnswers;
  readonly folder: CertificateFolder;
}

/** Gets certificates from an authority that speaks ACME (RFC 8555). */
export class AcmeIssuer implements Issuer {
  readonly #options: AcmeIssuerOptions;
  /** Slow to load, and most relays have certificates of their own. */
  readonly #client = import('acme-client');

  constructor(options: AcmeIssuerOptions) {
    this.#options = options;
    // Imported now, while there are descriptors: Node remembers for good that a module could not be opened.
    this.#client.catch(() => {});
  }

  async issue(host: string): Promise<string> {
    const { directory, email, challenge: kind, answers } = this.#options;
    const { Client, crypto, axios } = await this.#client;
    axios.defaults.timeout = REQUEST_TIMEOUT_MS;
    const accountKey = await this.#accountKey(() => crypto.createPrivateEcdsaKey('P-256'));
    const client = new Client({
      directoryUrl: directory.href,
      accountKey,
      backoffMin: 1_000,
      backoffMax: 15_000,
    });
    const key = await crypto.createPrivateEcdsaKey('P-256');
    const [, csr] = await crypto.createCsr({ altNames: [host] }, key);
    let withdraw = () => {};
    const chain = await client.auto({
      csr,
      ...(email === undefined ? {} : { email }),
      termsOfServiceAgreed: true,
      challengePriority: [kind],
      // The name may resolve differently from inside this network.
      skipChallengeVerification: true,
      challengeCreateFn: async (authorization, challenge, answer) => {
        if (challenge.type !== kind) throw new Error(`the authority does not offer ${kind} for ${host}`);
        if (kind === 'http-01') {
          withdraw = answers.offerText(host, challenge.token, answer);
          return;
        }
        const proofKey = await crypto.createPrivateEcdsaKey('P-256');
        const [, proof] = await crypto.createAlpnCertificate(authorization, answer, proofKey);
        withdraw = answers.offerCertificate(host, String(proof), String(proofKey));
      },
      challengeRemoveFn: async () => withdraw(),
    });
    return `${String(key).trimEnd()}\n${chain}`;
  }

  async #accountKey(create: () => Promise<Buffer>): Promise<string> {
    const { folder, directory } = this.#options;
    const known = folder.accountKey(directory);
    if (known !== undefined) return known;
    const made = String(await create());
    folder.saveAccountKey(directory, made);
    return made;
  }
}
