import { expect, it } from 'vitest';
import { responseHead } from '../../src/http1/response-head.ts';
import { answerHead } from '../../src/mcp-tunnel/edge/answer-head.ts';
import { connectTo } from '../http1/raw-client.ts';
import { startRelay } from './relay-harness.ts';

/** A proxy in front takes these for orders of the relay's, and would send an agent whatever it can read. */
const ORDERS = [
  'X-Accel-Redirect: /internal/secrets',
  'x_accel_redirect: /internal/secrets',
  'X-Accel-Expires: 86400',
  'X-Sendfile: /etc/passwd',
  'X-LIGHTTPD-send-file: /etc/passwd',
  'X-LiteSpeed-Location: /internal',
  'X-Reproxy-URL: http://169.254.169.254/',
  'X-Envoy-Immediate-Health-Check-Fail: 1',
  'Surrogate-Control: content="ESI/1.0"',
];
const HARMLESS = ['X-Accel-Buffering: no', 'X-Accelerate: yes', 'Cache-Control: no-store'];

const pairs = [...ORDERS, ...HARMLESS].flatMap((line) => line.split(/: (.*)/).slice(0, 2));

it('a tunnel’s server gives no orders to a proxy in front of the relay', async () => {
  const relay = await startRelay();
  await relay.link('figma', (exchange) => {
    exchange.respond(responseHead(200, pairs, { kind: 'length', length: 2 }), Buffer.from('ok'), true);
  });
  const visitor = connectTo(relay.port);
  visitor.send('GET /figma/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const answer = await visitor.untilEnd();
  for (const line of ORDERS) expect(answer).not.toContain(line);
  for (const line of HARMLESS) expect(answer).toContain(line);
  expect(answer).toMatch(/\r\n\r\nok$/);
});

it('a client of mcp-tunnel gives none either', () => {
  const headers = new Map(
    [...ORDERS, ...HARMLESS].map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]),
  );
  const { lines } = answerHead({ id: '1', status: 200, headers }, 'GET', 2);
  for (const line of HARMLESS) expect(lines).toContain(line.split(': ')[0]);
  expect(lines.filter((_, at) => at % 2 === 0)).toHaveLength(HARMLESS.length + 1);
});
