/** An answer of a provider's edge itself: an error page, a login, a quota. */
export interface EdgePage {
  readonly status: number;
  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined;
}

/** What such a page says about the way to us. */
export interface PageJudgement {
  /** The session carries nothing; the edge wants to know who asks; its quota is used up. */
  readonly finding: 'not-ours' | 'edge-auth' | 'limited';
  readonly detail: string;
  readonly remedy?: string;
  /** When another look makes sense (milliseconds). */
  readonly retryAfterMs?: number;
}

/** Undefined for a page that is not the provider's, or says nothing that is known. */
export type JudgePage = (page: EdgePage) => PageJudgement | undefined;
