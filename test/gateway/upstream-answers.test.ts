import { expect, it } from 'vitest';
import { serverDown } from '../../src/gateway/upstream-answers.ts';

const upstream = { protocol: 'http:', host: '127.0.0.1', port: 3845, hostHeader: '127.0.0.1:3845' } as const;

it.each(['EMFILE', 'ENFILE'])('%s on the way to the server is the fault of this machine', (reason) => {
  const answer = serverDown(upstream, { kind: 'connect', reason });
  expect(answer).toMatchObject({ status: 503, reason: 'out-of-descriptors', headers: ['Retry-After', '5'] });
  expect(answer.description).toContain(reason);
  expect(answer.description).not.toMatch(/start the server/i);
});

it('any other failure to connect is a server that is down', () => {
  expect(serverDown(upstream, { kind: 'connect', reason: 'ECONNREFUSED' })).toMatchObject({
    status: 502,
    reason: 'server-down',
  });
});
