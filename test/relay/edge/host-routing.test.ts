import { expect, it } from 'vitest';
import { routeHost } from '../../../src/relay/edge/host-routing.ts';

it.each([
  ['figma.tunnel.test', 'figma'],
  ['figma.tunnel.test:8080', 'figma'],
  ['FIGMA.Tunnel.Test', 'figma'],
  ['a-b-1.tunnel.test', 'a-b-1'],
])('%s is the tunnel %s', (host, name) => {
  expect(routeHost(host, '/mcp', 'tunnel.test')).toEqual({ name, target: '/mcp' });
});

it.each([
  'tunnel.test',
  'figma-tunnel.test',
  'figmatunnel.test',
  '.tunnel.test',
  'a.b.tunnel.test',
  'figma.tunnel.test.',
  'figma.tunnel.test.evil.example',
  'figma.tunnel.testing',
  '-a.tunnel.test',
  'fig_ma.tunnel.test',
  '',
])('%s is none of them', (host) => {
  expect(routeHost(host, '/mcp', 'tunnel.test')).toBeUndefined();
});
