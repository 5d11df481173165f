import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { newConformanceServer } from '../conformance-server.ts';

// The fixture of the conformance suite as a program over stdio.
await newConformanceServer().connect(new StdioServerTransport());
