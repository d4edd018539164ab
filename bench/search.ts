import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { createNodeEmbedder } from '../cli/node-embedder.ts';
import { FULL_SIZE, writeSynth } from '../cli/synth/synth.ts';
import { seededRandom } from '../test/random.ts';
import { startDevServer } from '../test/support/dev-server.ts';
import { M3EDGE } from '../test/support/run-command.ts';
import { databaseFile, fillStore, zipf } from './search/fill-store.ts';

/**
 * `node bench/search.ts [--sizes 1000,10000,100000]`: POST /search of the Worker under `wrangler dev`, over a D1 that was filled with made-up vectors of
 * BGE-M3's size. The model has one layer of its 24, so that the query's own embedding does not hide the search.
 */

const CANDIDATES = [200, 1000, 10_000];
const QUERIES = 15;
const QUERY_WORDS = 12;

const { values } = parseArgs({ options: { sizes: { type: 'string', default: '1000,10000,100000' } } });
const sizes = values.sizes.split(',').map(Number);
const directory = mkdtempSync(join(tmpdir(), 'm3edge-search-'));
const [model, state] = [join(directory, 'model'), join(directory, 'state')];

const startServer = () => startDevServer(model, [...M3EDGE, 'dev', '--state', state]);

async function post(url: string, path: string, body: unknown) {
  const startedMs = performance.now();
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const json = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(json));
  return { ms: performance.now() - startedMs, json };
}

/** Words of the made-up vocabulary that are one token each, by token. */
async function singleTokenWords(): Promise<Map<number, string>> {
  const { tokenizer } = await createNodeEmbedder(model);
  const words = new Map<number, string>();
  const random = seededRandom(5);
  const letter = () => String.fromCharCode(97 + Math.floor(26 * random()));
  for (let i = 0; i < 60_000; i++) {
    const word = letter() + letter() + letter();
    const { ids } = tokenizer.encode(word);
    if (ids.length === 3) words.set(ids[1]!, word);
  }
  return words;
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
const milliseconds = (numbers: readonly number[]) =>
  `${median(numbers).toFixed(0)} (${Math.max(...numbers).toFixed(0)})`.padStart(14);

/** Rows of `postings` that each query's lexical candidates are found among. */
function postingsOf(file: string, queries: readonly Readonly<Record<string, number>>[]): number[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const count = db.prepare(
    'SELECT count(*) AS rows FROM json_each(?) q CROSS JOIN postings p ON p.set_id = 1 AND p.tenant = 1 AND p.token = CAST(q.key AS INTEGER)',
  );
  const rows = queries.map((weights) => (count.get(JSON.stringify(weights)) as { rows: number }).rows);
  db.close();
  return rows;
}

async function measure(size: number, queries: readonly string[], fillSeconds: number): Promise<string> {
  const server = await startServer();
  try {
    const times: number[][] = [];
    for (const candidates of CANDIDATES) {
      const ask = (query: string) => post(server.url, '/search', { query, candidates });
      await ask(queries[0]!);
      const ms: number[] = [];
      for (const query of queries) ms.push((await ask(query)).ms);
      times.push(ms);
    }
    const encoded = [];
    for (const query of queries) {
      encoded.push(await post(server.url, '/encode', { texts: [`${query} `], return_sparse: true })); // a space more: no kept answer
    }
    await server.stop();
    const weights = encoded.map(({ json }) => json.lexical_weights[0]);
    const postings = postingsOf(databaseFile(state), weights);
    const bytes = statSync(databaseFile(state)).size;
    return [
      String(size).padStart(9),
      (bytes / 1e6).toFixed(0).padStart(9),
      fillSeconds.toFixed(0).padStart(7),
      median(postings).toFixed(0).padStart(9),
      milliseconds(encoded.map(({ ms }) => ms)),
      ...times.map(milliseconds),
    ].join('');
  } finally {
    if (server.process.exitCode === null) await server.stop();
  }
}

try {
  await writeSynth({ outDir: model, preset: 'q8', layerCount: 1, seed: 1 });
  const { fingerprint } = await createNodeEmbedder(model);
  const words = await singleTokenWords();
  const tokens = [...words.keys()];
  const draw = zipf(tokens, seededRandom(9));
  const queries = Array.from({ length: QUERIES }, () =>
    Array.from({ length: QUERY_WORDS }, () => words.get(draw())!).join(' '),
  );
  await (await startServer()).stop(); // makes the tables
  console.log(`${tokens.length} different tokens; milliseconds are medians, in brackets the slowest of ${QUERIES}`);
  console.log(
    `documents       MB  fill s  postings        encode${CANDIDATES.map((count) => `candidates ${count}`.padStart(14)).join('')}`,
  );
  let filled = 0;
  for (const size of sizes) {
    const startedMs = performance.now();
    fillStore(databaseFile(state), fingerprint, tokens, filled + 1, size, FULL_SIZE.hiddenSize);
    filled = size;
    console.log(await measure(size, queries, (performance.now() - startedMs) / 1000));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
