#!/usr/bin/env node
import { flush, processIo } from './process-io.ts';
import { run } from './run.ts';

const exitCode = await run(process.argv.slice(2), await processIo());
// Handles a verb left open (an idle keep-alive socket) must not hold the prompt back.
await flush();
process.exit(exitCode);
