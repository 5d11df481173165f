/**
 * Dials under way to one relay at once. After an outage all tunnels of a daemon dial again: what is
 * dialled together waits for each other, and its time limits run meanwhile.
 */
const MOST_DIALS = 16;

const gates = new Map<string, DialGate>();

/** Waits for room among the dials to this relay. @returns how to leave; rejects with the signal's reason */
export function enterGate(relayUrl: URL, signal: AbortSignal): Promise<() => void> {
  const key = relayUrl.host;
  let gate = gates.get(key);
  if (gate === undefined) {
    gate = new DialGate(() => gates.delete(key));
    gates.set(key, gate);
  }
  return gate.enter(signal);
}

class DialGate {
  readonly #onEmpty: () => void;
  readonly #queue = new Set<() => void>();
  #dialling = 0;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  enter(signal: AbortSignal): Promise<() => void> {
    if (this.#dialling < MOST_DIALS) return Promise.resolve(this.#admitted());
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', onAbort);
        resolve(this.#admitted());
      };
      const onAbort = () => {
        this.#queue.delete(go);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(go);
    });
  }

  #admitted(): () => void {
    this.#dialling += 1;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#dialling -= 1;
      const [next] = this.#queue;
      if (next !== undefined) {
        this.#queue.delete(next);
        next();
      } else if (this.#dialling === 0) this.#onEmpty();
    };
  }
}
