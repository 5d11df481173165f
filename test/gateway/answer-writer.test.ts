import { expect, it } from 'vitest';
import { CallerPolicy } from '../../src/access/caller-policy.ts';
import { type Exchange, Flow } from '../../src/core/exchange.ts';
import { AnswerWriter } from '../../src/gateway/answer-writer.ts';
import type { ExchangeContext } from '../../src/gateway/exchange-context.ts';
import type { RequestRecord } from '../../src/gateway/request-record.ts';
import type { RpcInspector } from '../../src/gateway/rpc-inspector.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';

/** An event stream to a caller that asked with GET, and takes what the test says. */
function eventStream() {
  const sent: string[] = [];
  const flows: Flow[] = [];
  const gateway: Partial<ExchangeContext> = {
    policy: new CallerPolicy([]),
    acceptedCalls: 0,
    marker: () => [],
  };
  const exchange = {
    request: { method: 'GET', get: () => undefined },
    respond: () => Flow.consumed,
    write: (chunk: Buffer) => {
      sent.push(chunk.toString());
      return flows.shift() ?? Flow.consumed;
    },
  } as unknown as Exchange;
  const record = { responseBytes: 0 } as RequestRecord;
  const writer = new AnswerWriter(gateway as ExchangeContext, exchange, record, undefined);
  writer.head(
    parseResponseHead('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream', 'GET'),
    undefined,
    false,
  );
  return { writer, sent, flows, record };
}

const noCall = { call: undefined } as RpcInspector;

it('puts no comment behind bytes that the caller does not take, and does not call such a stream idle', () => {
  const { writer, sent, flows } = eventStream();
  flows.push(Flow.paused);
  writer.body(Buffer.from('data: 1\n\n'));
  expect([writer.keepAlive(), writer.isIdleStream(noCall), sent.length]).toEqual([false, false, 1]);
  writer.drained();
  expect([writer.isIdleStream(noCall), writer.keepAlive(), sent.length]).toEqual([true, true, 2]);
});

it('counts the bytes of an upgraded connection', () => {
  const { writer, record } = eventStream();
  writer.raw(Buffer.from('1234'));
  writer.raw(Buffer.from('56'));
  expect(record.responseBytes).toBe(6);
});
