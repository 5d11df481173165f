import { describe, expect, it } from 'vitest';
import { TunneldError } from '../../../src/core/errors.ts';
import { assertPublicUrl } from '../../../src/relay/agent/public-url-policy.ts';

function refusal(publicUrl: string, relayUrl: string, allowed: string[] = []): string | undefined {
  try {
    assertPublicUrl(new URL(publicUrl), new URL(relayUrl), allowed);
    return undefined;
  } catch (error) {
    if (error instanceof TunneldError) return error.code;
    throw error;
  }
}

describe('the public URL that a relay names', () => {
  it.each([
    ['https://tunnel.example.com/figma', 'https://tunnel.example.com'],
    ['https://figma.tunnel.example.com', 'https://tunnel.example.com'],
    ['https://figma.tunnel.example.com', 'wss://tunnel.example.com'],
    ['https://tunnel.example.com', 'https://tunnel.example.com:8443'],
    ['https://tunnel.example.com', 'http://tunnel.example.com:8080'],
    ['http://figma.localhost:7000', 'http://127.0.0.1:7000'],
    ['http://127.0.0.1:7000/figma', 'http://localhost:7000'],
    ['http://[::1]:7000/figma', 'http://[::1]:7000'],
    ['https://203.0.113.7/figma', 'https://203.0.113.7'],
  ])('may be %s of %s', (publicUrl, relayUrl) => {
    expect(refusal(publicUrl, relayUrl)).toBeUndefined();
  });

  it.each([
    ['another host', 'https://internal.example.com', 'https://tunnel.example.com'],
    ['a host that only ends like it', 'https://eviltunnel.example.com', 'https://tunnel.example.com'],
    ['the host above it', 'https://example.com', 'https://tunnel.example.com'],
    ['a service of this machine', 'http://127.0.0.1:6379', 'http://tunnel.example.com'],
    ['another port of this machine', 'http://127.0.0.1:6379', 'http://127.0.0.1:7000'],
    ['the same by another name', 'http://localhost:6379/x', 'http://127.0.0.1:7000'],
    ['the metadata of a cloud', 'http://169.254.169.254/latest', 'http://203.0.113.7'],
    ['no encryption where the link has it', 'http://tunnel.example.com', 'https://tunnel.example.com'],
    ['the same over wss', 'http://figma.tunnel.example.com', 'wss://tunnel.example.com'],
    ['credentials', 'https://user:pass@tunnel.example.com', 'https://tunnel.example.com'],
  ])('may not be %s', (_what, publicUrl, relayUrl) => {
    expect(refusal(publicUrl, relayUrl)).toBe('RELAY_PUBLIC_URL');
  });

  it('may have a host that the user allowed, with what is below it, or one port of it only', () => {
    const dialled = 'https://agents.example.net';
    expect(refusal('https://figma.tunnel.example.com', dialled, ['tunnel.example.com'])).toBeUndefined();
    expect(refusal('https://tunnel.example.com:8443', dialled, ['Tunnel.example.com:8443'])).toBeUndefined();
    expect(refusal('https://tunnel.example.com', dialled, ['tunnel.example.com:8443'])).toBe(
      'RELAY_PUBLIC_URL',
    );
    expect(refusal('http://127.0.0.1:8080', 'http://127.0.0.1:7000', ['127.0.0.1:8080'])).toBeUndefined();
    expect(refusal('http://127.0.0.1:8081', 'http://127.0.0.1:7000', ['127.0.0.1:8080'])).toBe(
      'RELAY_PUBLIC_URL',
    );
    // The scheme is no matter of trust in a host.
    expect(refusal('http://tunnel.example.com', dialled, ['tunnel.example.com'])).toBe('RELAY_PUBLIC_URL');
  });
});
