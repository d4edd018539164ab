import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../cli/installation.ts';
import { createDocumentState, type DocumentServer, startDocumentServer } from '../test/support/document-server.ts';
import { openModel } from '../test/support/models.ts';
import { realText, synthModel } from './streaming/models.ts';

/**
 * How fast a store is embedded: documents a minute and CPU a document, with the model of BGE-M3's size and random weights, under `wrangler dev`; by the number of
 * documents that a consumer is given at once. Prints the table of docs/documents.md.
 */

const { values } = parseArgs({
  options: {
    preset: { type: 'string', default: 'q8' },
    tokens: { type: 'string', default: '100,500' },
    batches: { type: 'string', default: '1,8,32' },
  },
});
const model = await synthModel(values.preset as 'q8' | 'q4');
const { tokenizer } = await openModel(model);

/** A text of so many tokens, or one or two less; another one for every `index`. */
function textOf(tokens: number, index: number): string {
  const text = realText(tokens, index);
  let [low, high] = [1, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tokenizer.encode(text.slice(0, middle)).ids.length <= tokens) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low);
}

/** wrangler.toml with another `max_batch_size`, and paths that hold wherever it lies. */
function configWith(batch: number, directory: string): string {
  const toml = readFileSync(join(projectRoot, 'wrangler.toml'), 'utf8')
    .replace(/^max_batch_size = \d+/m, `max_batch_size = ${batch}`)
    .replaceAll(
      /^(main|migrations_dir) = "(.+?)"/gm,
      (_, key, path) => `${key} = ${JSON.stringify(join(projectRoot, path))}`,
    );
  const file = join(directory, `batch-${batch}.toml`);
  writeFileSync(file, toml);
  return file;
}

async function measure(server: DocumentServer, tokens: number, count: number) {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ id: `${tokens}-${i}-${Date.now()}`, text: textOf(tokens, i) }),
  );
  const { total } = await server.json('GET', '/reembed/status');
  const { cpuMs } = server.usage();
  const startedMs = performance.now();
  await server.import(lines.join('\n'));
  for (;;) {
    const status = await server.json('GET', '/reembed/status');
    if (status.embedded === total + count) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const ms = performance.now() - startedMs;
  return { perMinute: (60_000 * count) / ms, cpuMs: (server.usage().cpuMs - cpuMs) / count };
}

console.log(
  `| ${values.preset}: documents at once | tokens | documents a minute | CPU a document |\n| --- | --- | --- | --- |`,
);
for (const batch of values.batches.split(',').map(Number)) {
  const state = await createDocumentState();
  const config = configWith(batch, state.directory);
  const server = await startDocumentServer(state, state.stage(model), { config, vars: ['REEMBED_LEASE_SECONDS:300'] });
  try {
    await measure(server, 16, 2); // loads the model
    for (const tokens of values.tokens.split(',').map(Number)) {
      const { perMinute, cpuMs } = await measure(server, tokens, Math.max(batch, 4));
      console.log(`| ${batch} | ${tokens} | ${perMinute.toFixed(1)} | ${(cpuMs / 1000).toFixed(2)} s |`);
    }
  } finally {
    await server.kill();
    state.remove();
  }
}
