/** What the provider sees of a session from its own side. */
export type EdgeCheck =
  /** A request to the public name came through this session, or would. */
  | { readonly kind: 'reached' }
  /** The provider says that it does not: the session is no good. `detail` is the evidence. */
  | { readonly kind: 'failed'; readonly detail: string }
  /** It could not be asked, or cannot tell; `detail` says why. */
  | { readonly kind: 'unknown'; readonly detail: string };
