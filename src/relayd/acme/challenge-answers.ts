import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsChallenges } from '../../http1/challenge-front.ts';

/** The answers to the authority's challenges. */
export class ChallengeAnswers implements TlsChallenges {
  readonly #texts = new Map<string, string>();
  readonly #contexts = new Map<string, SecureContext>();

  get pending(): boolean {
    return this.#contexts.size > 0;
  }

  contextFor(host: string): SecureContext | undefined {
    return this.#contexts.get(host);
  }

  textFor(host: string, token: string): string | undefined {
    return this.#texts.get(`${host} ${token}`);
  }

  /** Answers over HTTP until the returned function is called (http-01). */
  offerText(host: string, token: string, text: string): () => void {
    const key = `${host} ${token}`;
    this.#texts.set(key, text);
    return () => void this.#texts.delete(key);
  }

  /** Answers with a certificate until the returned function is called (tls-alpn-01). */
  offerCertificate(host: string, cert: string, key: string): () => void {
    const context = createSecureContext({ cert, key });
    this.#contexts.set(host, context);
    return () => {
      if (this.#contexts.get(host) === context) this.#contexts.delete(host);
    };
  }
}
