import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/access/edge-guard.ts';
import type { EdgeLink } from '../../../src/relay/edge/edge-link.ts';
import { type Departure, type NameHolder, NameRegistry } from '../../../src/relay/edge/name-registry.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const NAME = 'figma';
const START_MS = 60_000;

/** One name on a relay, moved by the words of the table in ARCHITECTURE.md. */
class Life {
  readonly clock = new FakeClock();
  readonly names: NameRegistry;
  #holder = this.#agent('alice');

  constructor(returnsMs: number) {
    this.names = new NameRegistry(this.clock, { returnsMs });
  }

  /** What the registry says of the name, in the table's word. */
  state(): string {
    if (this.names.find(NAME) !== undefined) return 'served';
    const returns = this.names.returns(NAME);
    if (returns !== 'soon') return returns === 'later' ? 'remembered' : 'unknown';
    const stop = this.names.wait(NAME, () => {});
    stop?.();
    const taken = this.#isTaken();
    if (stop === undefined) return taken ? 'kept' : 'neither kept nor waited for';
    return taken ? 'lost' : this.clock.monotonic() === 0 ? 'expected' : 'left';
  }

  async on(event: string): Promise<void> {
    if (event === 'registered') this.#register('alice');
    else if (event === 'registered by another') this.#register('mallory');
    else if (event === 'lost' || event === 'left' || event === 'dismissed') await this.#depart(event);
    else if (event === '2 s') await this.clock.advance(2_000);
    else if (event === 'a minute after the loss') await this.clock.advance(58_000);
    else if (event === "a minute after the relay's start") await this.clock.advance(START_MS);
    else if (event === 'an hour') await this.clock.advance(3_600_000);
    else throw new Error(`the table has an event of no meaning: ${event}`);
  }

  #register(identity: string): void {
    const agent = this.#agent(identity);
    if (this.names.claim(NAME, agent) !== 'taken') this.#holder = agent;
  }

  async #depart(departure: Departure): Promise<void> {
    await this.clock.advance(1);
    this.names.release(NAME, this.#holder, departure);
  }

  /** Changes the name when it is free: the last question of a test. */
  #isTaken(): boolean {
    return this.names.claim(NAME, this.#agent('mallory')) === 'taken';
  }

  #agent(identity: string): NameHolder {
    const guard = new EdgeGuard(undefined, this.clock);
    return { name: NAME, identity, link: LINK, guard, linkId: identity, openedAt: 0 };
  }
}

const LINK: EdgeLink = {
  dialect: 'test',
  returns: true,
  leaving: false,
  active: 0,
  forward() {},
  goaway() {},
  whenIdle() {},
  close() {},
  end() {},
};

/** How a name gets into each state. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  unknown: [],
  expected: [],
  served: ['registered'],
  lost: ['registered', 'lost'],
  kept: ['registered', 'lost', '2 s'],
  left: ['registered', 'left'],
  remembered: ['registered', 'left', '2 s'],
};

const page = readFileSync(resolve(import.meta.dirname, '../../../ARCHITECTURE.md'), 'utf8');
const rows = page
  .slice(page.indexOf('| a name is | on |'))
  .split('\n\n', 1)[0]
  ?.split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap(([, state = '', events = '', next = '']) =>
    events.split(', ').map((event) => ({ state, event, next })),
  );

it.each(rows ?? [])(
  'a name that is $state becomes $next when it is: $event',
  async ({ state, event, next }) => {
    const life = new Life(state === 'expected' ? START_MS : 0);
    for (const step of WAYS[state] ?? []) await life.on(step);
    await life.on(event);
    expect(life.state()).toBe(next);
  },
);

it('the table has every state, and each is what it is called', async () => {
  expect(new Set(rows?.map(({ state }) => state))).toEqual(new Set(Object.keys(WAYS)));
  for (const [state, way] of Object.entries(WAYS)) {
    const life = new Life(state === 'expected' ? START_MS : 0);
    for (const step of way) await life.on(step);
    expect(life.state()).toBe(state);
  }
});
