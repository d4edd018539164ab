#!/usr/bin/env node
import './check-node.js';
import { existsSync } from 'node:fs';

// Node runs the repository's TypeScript as it is; under node_modules it would not, so a package carries what scripts/build-package.ts made of it.
const source = new URL('m3edge.ts', import.meta.url);
const { main } = await import(existsSync(source) ? source.href : '../dist/package/cli/m3edge.js');
await main(process.argv.slice(2));
