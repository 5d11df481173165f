import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  type ElicitRequestFormParams,
  ElicitResultSchema,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { listen, type TestServer } from './mcp-servers.ts';

/**
 * A server with what the conformance suite asks for: every content type, progress, logging, and
 * requests from the server to the client in the middle of a call. It checks Host exactly, port
 * included, as the SDK can.
 */
export async function startConformanceServer(): Promise<TestServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    const transport = known ?? newTransport(sessions, request.socket.localPort ?? 0);
    if (known === undefined) await newConformanceServer().connect(transport as Transport);
    await transport.handleRequest(request, response);
  };
  return listen((request, response) => void answer(request, response));
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type Arguments = Readonly<Record<string, unknown>>;
type Tool = (given: Arguments, extra: Extra) => CallToolResult | Promise<CallToolResult>;

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const STEP_MS = 50;

const image = { type: 'image', data: PNG, mimeType: 'image/png' } as const;
const embedded = (uri: string, value: string, mimeType = 'text/plain') =>
  ({ type: 'resource', resource: { uri, mimeType, text: value } }) as const;
const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });

const tools: Readonly<Record<string, Tool>> = {
  test_simple_text: () => text('This is a simple text response for testing.'),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }),
  test_embedded_resource: () => ({ content: [embedded('test://embedded-resource', 'embedded')] }),
  test_multiple_content_types: () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      embedded('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json'),
    ],
  }),
  test_error_handling: () => ({
    ...text('This tool intentionally returns an error for testing'),
    isError: true,
  }),
  async test_tool_with_logging(_given, { sendNotification }) {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await delay(STEP_MS);
    }
    return text('logged');
  },
  async test_tool_with_progress(_given, { sendNotification, _meta }) {
    const progressToken = _meta?.progressToken ?? '';
    for (const progress of [0, 50, 100]) {
      await sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100 },
      });
      await delay(STEP_MS);
    }
    return text('progressed');
  },
  async test_sampling({ prompt }, { sendRequest }) {
    const question = { role: 'user', content: { type: 'text', text: String(prompt) } } as const;
    const params = { messages: [question], maxTokens: 100 };
    const { content } = await sendRequest(
      { method: 'sampling/createMessage', params },
      CreateMessageResultSchema,
    );
    return text(`LLM response: ${JSON.stringify(content)}`);
  },
  test_elicitation: ({ message }, extra) =>
    elicit(extra, String(message), {
      username: { type: 'string', description: "User's response" },
      email: { type: 'string', description: "User's email address" },
    }),
  test_elicitation_sep1034_defaults: (_given, extra) =>
    elicit(extra, 'Please review', {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    }),
  test_elicitation_sep1330_enums: (_given, extra) => {
    const plain = ['option1', 'option2', 'option3'];
    const titled = [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Choice ${n}` }));
    return elicit(extra, 'Please choose', {
      untitledSingle: { type: 'string', enum: plain },
      titledSingle: { type: 'string', oneOf: titled },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: plain } },
      titledMulti: { type: 'array', items: { anyOf: titled } },
    });
  },
};

type Properties = ElicitRequestFormParams['requestedSchema']['properties'];

async function elicit(
  { sendRequest }: Extra,
  message: string,
  properties: Properties,
): Promise<CallToolResult> {
  const params: ElicitRequestFormParams = {
    mode: 'form',
    message,
    requestedSchema: { type: 'object', properties },
  };
  const { action, content } = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
  return text(`User response: action=${action}, content=${JSON.stringify(content ?? {})}`);
}

type Prompt = (given: Arguments) => GetPromptResult;
const say = (...content: GetPromptResult['messages'][number]['content'][]): GetPromptResult => ({
  messages: content.map((part) => ({ role: 'user', content: part })),
});

const prompts: Readonly<Record<string, Prompt>> = {
  test_simple_prompt: () => say({ type: 'text', text: 'This is a simple prompt for testing.' }),
  test_prompt_with_arguments: ({ arg1, arg2 }) =>
    say({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  test_prompt_with_embedded_resource: ({ resourceUri }) =>
    say(embedded(String(resourceUri), 'embedded'), { type: 'text', text: 'Please process it.' }),
  test_prompt_with_image: () => say(image, { type: 'text', text: 'Please look at it.' }),
};

function newTransport(
  sessions: Map<string, StreamableHTTPServerTransport>,
  port: number,
): StreamableHTTPServerTransport {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
    onsessionclosed: (id) => {
      sessions.delete(id);
    },
    enableDnsRebindingProtection: true,
    allowedHosts: [`localhost:${port}`, `127.0.0.1:${port}`],
  });
  return transport;
}

export function newConformanceServer(): Server {
  const capabilities = {
    tools: {},
    resources: { subscribe: true },
    prompts: {},
    logging: {},
    completions: {},
  };
  const server = new Server({ name: 'conformance', version: '1.0.0' }, { capabilities });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.keys(tools).map((name) => ({ name, description: name, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const tool = tools[params.name];
    if (tool === undefined) return { ...text(`no tool ${params.name}`), isError: true };
    return tool(params.arguments ?? {}, extra);
  });
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.keys(prompts).map((name) => ({ name, description: name })),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts[params.name];
    if (prompt === undefined) throw new Error(`no prompt ${params.name}`);
    return prompt(params.arguments ?? {});
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: ['test://static-text', 'test://static-binary', 'test://watched-resource'].map((uri) => ({
      uri,
      name: uri,
      description: uri,
    })),
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] };
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    if (id === undefined) return { contents: [{ uri, mimeType: 'text/plain', text: 'static text' }] };
    return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id }) }] };
  });
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: ['paris'], total: 1 } }));
  for (const schema of [SetLevelRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema]) {
    server.setRequestHandler(schema, () => ({}));
  }
  return server;
}
