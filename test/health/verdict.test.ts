import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/core/status.ts';
import type { Finding, ProbeResult } from '../../src/health/probe-result.ts';
import { type CarrierView, type Evidence, type Judgement, judge } from '../../src/health/verdict.ts';

const saw = (finding: Finding, rest: Partial<ProbeResult> = {}): ProbeResult => ({
  finding,
  basis: 'discover',
  detail: `saw ${finding}`,
  latencyMs: 5,
  ...rest,
});

const ABSENT: Judgement = { verdict: 'auth', cause: 'No session: refused', remedy: 'See the provider.' };
const WORKS: CarrierView = { kind: 'works', proof: 'visitors get through' };
const BROKEN: CarrierView = { kind: 'broken', detail: '', next: 'It is replaced.' };

const PLACE = { address: '127.0.0.1:3845', path: '/mcp', timeoutMs: 10_000 };

interface Row {
  readonly local?: Finding;
  readonly far?: Finding;
  readonly with?: Partial<Evidence>;
  readonly verdict: Verdict;
  readonly cause: RegExp;
}

const ROWS: readonly Row[] = [
  { verdict: 'unknown', cause: /Not looked at/ },
  { local: 'ok', verdict: 'unknown', cause: /public leg was not looked at/ },
  { local: 'ok', with: { absence: ABSENT }, verdict: 'auth', cause: /^No session: refused/ },
  { with: { absence: ABSENT }, verdict: 'auth', cause: /^No session: refused/ },
  {
    local: 'ok',
    with: { absence: { ...ABSENT, verdict: 'unknown' } },
    verdict: 'unknown',
    cause: /^No session/,
  },
  {
    local: 'refused',
    with: { absence: { ...ABSENT, verdict: 'unknown' } },
    verdict: 'server-down',
    cause: /^Local/,
  },
  { local: 'ok', far: 'ok', verdict: 'healthy', cause: /Both legs answer\./ },
  {
    local: 'needs-auth',
    far: 'needs-auth',
    verdict: 'healthy',
    cause: /Both legs answer \(saw needs-auth\)/,
  },
  { local: 'ok', far: 'busy', verdict: 'healthy', cause: /Both/ },

  { local: 'refused', verdict: 'server-down', cause: /^Local leg: saw refused/ },
  { local: 'refused', verdict: 'server-down', cause: /^Local leg/ },
  { local: 'timeout', far: 'no-answer', with: { strikes: 9 }, verdict: 'server-down', cause: /^Local leg/ },
  { local: 'no-descriptors', far: 'no-route', verdict: 'out-of-resources', cause: /^Local leg/ },
  { local: 'ok', far: 'no-ports', with: { strikes: 9 }, verdict: 'out-of-resources', cause: /^Public leg/ },
  {
    local: 'ok',
    far: 'no-dns',
    with: { strikes: 9 },
    verdict: 'network-down',
    cause: /^Public leg: saw no-dns/,
  },
  { local: 'unproven', far: 'ok', verdict: 'unverified', cause: /^Local leg: saw unproven/ },
  { local: 'silent', far: 'ok', verdict: 'unknown', cause: /^Local leg: saw silent/ },
  { local: 'limited', far: 'ok', verdict: 'limited', cause: /^Local leg/ },

  {
    local: 'ok',
    far: 'no-route',
    with: { strikes: 9, carrier: WORKS },
    verdict: 'unverified',
    cause: /^Public leg: saw no-route; all the same visitors get through\.$/,
  },
  {
    local: 'ok',
    far: 'not-ours',
    with: { carrier: WORKS, online: false },
    verdict: 'unverified',
    cause: /visitors/,
  },
  { local: 'ok', far: 'no-dns', with: { carrier: WORKS }, verdict: 'unverified', cause: /visitors/ },
  {
    local: 'ok',
    far: 'edge-certificate',
    with: { carrier: WORKS },
    verdict: 'unverified',
    cause: /visitors/,
  },
  { local: 'ok', far: 'edge-certificate', with: { strikes: 9 }, verdict: 'config', cause: /^Public leg/ },
  {
    local: 'refused',
    far: 'no-route',
    with: { carrier: WORKS },
    verdict: 'server-down',
    cause: /^Local leg/,
  },
  {
    local: 'ok',
    far: 'no-route',
    with: { strikes: 2, carrier: { kind: 'unknown', detail: 'nobody could be asked' } },
    verdict: 'unverified',
    cause: /saw no-route; nobody could be asked\.$/,
  },
  {
    local: 'ok',
    far: 'no-route',
    with: { strikes: 2, carrier: { kind: 'broken', detail: 'the relay says so', next: 'It is replaced.' } },
    verdict: 'tunnel-down',
    cause: /saw no-route \(the relay says so\)\.$/,
  },

  {
    local: 'ok',
    far: 'ok',
    with: { traffic: { share: 'all', result: saw('server-error', { basis: 'traffic' }) } },
    verdict: 'server-down',
    cause: /^Local leg: saw server-error/,
  },
  {
    local: 'ok',
    far: 'ok',
    with: { traffic: { share: 'some', result: saw('server-error', { basis: 'traffic' }) } },
    verdict: 'degraded',
    cause: /^Local leg: saw server-error/,
  },
  {
    local: 'ok',
    far: 'ok',
    with: { traffic: { share: 'all', result: saw('needs-auth', { basis: 'traffic' }) } },
    verdict: 'auth',
    cause: /^Local leg: saw needs-auth/,
  },
  {
    local: 'ok',
    far: 'ok',
    with: { traffic: { share: 'all', result: saw('timeout', { basis: 'traffic' }) } },
    verdict: 'degraded',
    cause: /^Local leg: saw timeout/,
  },

  { local: 'ok', far: 'no-route', with: { strikes: 1 }, verdict: 'unknown', cause: /once more/ },
  {
    local: 'ok',
    far: 'no-route',
    with: { strikes: 1, previous: 'healthy' },
    verdict: 'degraded',
    cause: /^Public leg: saw no-route.*once more/,
  },
  { local: 'ok', far: 'no-route', with: { strikes: 2 }, verdict: 'tunnel-down', cause: /^Public leg/ },
  { local: 'ok', far: 'not-ours', with: { strikes: 2 }, verdict: 'tunnel-down', cause: /^Public leg/ },
  { local: 'ok', far: 'stalled', with: { strikes: 2 }, verdict: 'tunnel-down', cause: /^Public leg/ },
  {
    local: 'wrong-path',
    far: 'no-route',
    with: { strikes: 2 },
    verdict: 'tunnel-down',
    cause: /^Public leg/,
  },

  {
    local: 'ok',
    far: 'no-route',
    with: { strikes: 2, online: false },
    verdict: 'network-down',
    cause: /^Public/,
  },
  {
    local: 'refused',
    far: 'no-route',
    with: { online: false },
    verdict: 'network-down',
    cause: /Public leg.*Local leg: saw refused/,
  },
  { local: 'ok', far: 'ok', with: { online: false }, verdict: 'healthy', cause: /Both/ },

  { local: 'wrong-path', far: 'wrong-path', verdict: 'config', cause: /^Local leg/ },
  { local: 'tls-expected', verdict: 'config', cause: /^Local leg/ },
  { local: 'bad-http', far: 'ok', verdict: 'config', cause: /^Local leg/ },
  { local: 'ok', far: 'gateway-refused', verdict: 'config', cause: /^Public leg/ },
  { local: 'ok', far: 'host-refused', verdict: 'config', cause: /^Public leg/ },
  { local: 'ok', far: 'token-refused', verdict: 'auth', cause: /^Public leg/ },
  { local: 'ok', far: 'edge-auth', verdict: 'auth', cause: /^Public leg/ },
  { local: 'ok', far: 'limited', verdict: 'limited', cause: /^Public leg/ },

  { local: 'ok', far: 'ok', with: { exposed: true }, verdict: 'exposed', cause: /without a token/ },
  { local: 'refused', with: { exposed: true }, verdict: 'exposed', cause: /without a token/ },
];

const evidence = ({ local, far, with: rest }: Partial<Row>): Evidence => ({
  local: local === undefined ? undefined : saw(local),
  public: far === undefined ? undefined : saw(far),
  traffic: undefined,
  carrier: BROKEN,
  absence: undefined,
  strikes: 0,
  online: true,
  exposed: false,
  previous: 'unknown',
  place: PLACE,
  ...rest,
});

describe('judge', () => {
  it.each(ROWS)('calls local $local, public $far, $with: $verdict', ({ verdict, cause, ...row }) => {
    const judgement = judge(evidence(row));
    expect(judgement.verdict).toBe(verdict);
    expect(judgement.cause).toMatch(cause);
  });

  it.each([
    { local: saw('ok', { latencyMs: 3_001 }), far: saw('ok'), cause: 'Local leg: the answer takes 3.0 s.' },
    { local: saw('ok'), far: saw('ok', { latencyMs: 4_200 }), cause: 'Public leg: the answer takes 4.2 s.' },
  ])('calls a slow leg degraded: $cause', ({ local, far, cause }) => {
    const judgement = judge({ ...evidence({}), local, public: far });
    expect(judgement).toMatchObject({ verdict: 'degraded', cause });
  });

  it('says what to do about everything that is wrong and not mended by itself', () => {
    const wrong = ROWS.filter(({ verdict }) => !['healthy', 'unknown', 'degraded'].includes(verdict));
    for (const row of wrong) expect(judge(evidence(row)).remedy).toMatch(/^[A-Z].*\.$/);
    expect(judge(evidence({ local: 'refused' })).remedy).toBe(
      'Start the server; the tunnel stays and heals by itself.',
    );
  });
});
