import { expect, it } from 'vitest';
import { createLogger } from '../../../src/core/log.ts';
import { ProxyHints } from '../../../src/relay/edge/proxy-hints.ts';

function start() {
  const lines: string[] = [];
  const hints = new ProxyHints(createLogger('info', { write: (line) => void lines.push(line) }));
  const visit = (proxy: string, trusted: boolean, forwarded?: string) =>
    hints.note(proxy, trusted, { get: (name) => (name === 'x-forwarded-for' ? forwarded : undefined) });
  return { visit, lines };
}

it('says once that a trusted proxy does not name its visitors', () => {
  const { visit, lines } = start();
  visit('127.0.0.1', true, '192.0.2.1');
  expect(lines).toEqual([]);
  visit('127.0.0.1', true);
  visit('127.0.0.1', true);
  visit('10.0.0.2', true);
  expect(lines.map((line) => JSON.parse(line).proxy)).toEqual(['127.0.0.1', '10.0.0.2']);
  expect(lines[0]).toContain('X-Forwarded-For $remote_addr');
});

it('says once that a proxy beside the relay is not believed', () => {
  const { visit, lines } = start();
  for (let count = 0; count < 3; count++) visit('10.0.0.2', false, '192.0.2.1');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('--trusted-proxies 10.0.0.2');
});

it('says nothing of visitors who come by themselves, whatever they write', () => {
  const { visit, lines } = start();
  visit('203.0.113.5', false, '10.0.0.1');
  visit('203.0.113.5', false);
  visit('127.0.0.1', false);
  visit('172.32.0.1', false, 'x');
  expect(lines).toEqual([]);
});

it('says no more than 32 of it', () => {
  const { visit, lines } = start();
  for (let host = 0; host < 255; host++) visit(`10.0.0.${host}`, false, '192.0.2.1');
  expect(lines).toHaveLength(32);
});
