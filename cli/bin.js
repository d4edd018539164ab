#!/usr/bin/env node
import './check-node.js';

const { main } = await import('./m3edge.ts');
await main(process.argv.slice(2));
