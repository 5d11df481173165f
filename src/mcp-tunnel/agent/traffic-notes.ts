import type { Generation } from '../wire/messages.ts';

/** What the notes are made from. */
export interface NotedLink {
  /** `tunnel.example.com:8080` */
  readonly relay: string;
  /** Unknown before the first request. */
  readonly generation: NotedGeneration | undefined;
  readonly publicUrl: URL;
  /** The public URL as the relay has it. */
  readonly claimed: URL;
}

/** What a tunnel through such a relay cannot do, as its status says it. */
export function notesOf({ relay, generation = 'unknown', publicUrl, claimed }: NotedLink): readonly string[] {
  const moved = `the relay calls itself ${claimed.origin}; the URL follows the address it was dialled at instead`;
  return [
    SPEAKS[generation](relay),
    ...LIMITS[generation],
    ...ALWAYS,
    ...(claimed.origin === publicUrl.origin ? [] : [moved]),
  ];
}

type NotedGeneration = Generation | 'unknown';

const SPEAKS: Readonly<Record<NotedGeneration, (relay: string) => string>> = {
  buffered: (relay) => `the relay ${relay} speaks the protocol of mcp-tunnel 0.1 and mcpr`,
  streamed: (relay) => `the relay ${relay} speaks the protocol of mcp-tunnel 0.2`,
  unknown: (relay) =>
    `the relay ${relay} speaks a protocol of mcp-tunnel; the first request shows whether that of 0.1 or of 0.2`,
};

const LIMITS: Readonly<Record<NotedGeneration, readonly string[]>> = {
  buffered: [
    'answers are carried whole: no event stream stays open, each answer must be complete within 25 s and at most 10 MiB',
  ],
  streamed: [
    'answers are streamed, but must begin within 25 s; one slow reader can hold up the others of this tunnel',
  ],
  unknown: [],
};

const ALWAYS = [
  'a header that is repeated arrives once, and no WebSocket passes',
  'the relay checks no access tokens and does not say who calls: only the gateway checks',
];
