import * as v from 'valibot';
import { OPERATIONS } from '../../src/routes/openapi.ts';
import type { Operation } from '../../src/routes/operation.ts';
import { FINGERPRINT } from '../support/fake-embedder.ts';
import { createRandom } from '../support/wasm-arena.ts';

interface Seed {
  readonly path: string;
  readonly operation: Operation;
  readonly json: string;
}

/** The name of the model that is served. */
const MODEL = 'fake';
const MORE: Readonly<Record<string, readonly object[]>> = {
  '/encode': [
    { texts: ['cat', 'dog'], return_sparse: true, return_colbert_vecs: true, encoding_format: 'int8', dimensions: 8 },
    { texts: 'what is a cat', max_length: 16, truncate: true, pooling: 'mean', instruction: 'q: ' },
  ],
  '/score': [
    { query: 'cat', passages: ['a cat', 'rain'], weights_for_different_modes: [0.4, 0.2, 0.4], max_query_length: 32 },
    {
      sentence_pairs: [
        ['a', 'b'],
        ['\ud83d\ude00', '\u00e9'],
      ],
      truncate: false,
    },
    {
      query: 'cat',
      passages: [{ fingerprint: FINGERPRINT, dense_vecs: [1], lexical_weights: { 7: 1 }, colbert_vecs: [] }],
    },
  ],
  '/v1/embeddings': [{ model: MODEL, input: [[9, 10]], dimensions: 8, user: 'u', return_colbert: true }],
  '/embed': [{ inputs: [[9, 10], 'a'], truncate: null, truncation_direction: 'left', prompt_name: null }],
  '/v1/rerank': [{ query: 'cat', documents: [{ text: 'a cat' }, 'rain'], weights: [1, 0, 1], mode: 'sparse+dense' }],
};
const namesModel = (body: unknown): body is { readonly model: string } =>
  typeof body === 'object' && body !== null && 'model' in body;

/** Every example of /openapi.json at every path that takes it, and some with the fields that examples have not. */
const SEEDS: readonly Seed[] = OPERATIONS.flatMap((operation) =>
  operation.paths.flatMap((path) =>
    [...Object.values(operation.examples ?? {}), ...(MORE[path] ?? [])].map((body) => ({
      path,
      operation,
      json: JSON.stringify(namesModel(body) ? { ...body, model: MODEL } : body),
    })),
  ),
);

/** What mutations put in: what has broken parsers before. */
const SPLINTERS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  ',',
  ':',
  'null',
  'true',
  '-0',
  '1e999',
  '1e-999',
  '9007199254740993',
  '\\u0000',
  '\\ud800',
  '\\udc00',
  '"__proto__":',
  '"constructor":',
  '"texts":',
  '{"texts":',
  '[[[[[[[[',
  '""',
  '" "',
  '\u2028',
  '\ufeff',
  '\u200b',
  'e\u0301',
  '<s>',
  '</s>',
].map((splinter) => new TextEncoder().encode(splinter));

/** Values that a field may be given in place of its own. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  3,
  8192,
  8193,
  0.5,
  1e300,
  '',
  ' ',
  'a',
  'text',
  'float',
  'base64',
  'binary',
  'cls',
  '\u0000',
  '\u200b',
  '<s></s><mask>',
  '\ud83d',
  'é'.repeat(600),
  [],
  [[]],
  [''],
  ['a'],
  ['a', 1],
  [['q', 'p']],
  [1, 1, 1],
  [0, 0, 0],
  {},
  { text: 'a' },
  Array(300).fill('a'),
];
const FIELDS = [
  ...new Set(SEEDS.flatMap(({ json }) => Object.keys(JSON.parse(json)))),
  '__proto__',
  'toString',
  'unknown',
];

export interface HostileBody extends Pick<Seed, 'path' | 'operation'> {
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Endless requests, seeded: valid ones with fields put in and exchanged, then cut, doubled, with bytes flipped and splinters put in. */
export function* hostileBodies(seed: number): Generator<HostileBody> {
  const random = createRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!;

  const withOtherFields = (json: string): string => {
    const fields = Object.entries(JSON.parse(json));
    for (let changes = below(3); changes > 0; changes--) {
      if (fields.length === 0 || below(3) === 0) fields.push([pick(FIELDS), pick(VALUES)]);
      else fields[below(fields.length)]![1] = pick(VALUES);
    }
    return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`;
  };
  const damaged = (body: Buffer): Buffer => {
    const at = below(body.length + 1);
    const to = Math.min(body.length, at + below(12));
    switch (below(4)) {
      case 0: {
        const flipped = Buffer.from(body);
        if (body.length > 0) flipped[at % body.length]! ^= 1 << below(8);
        return flipped;
      }
      case 1:
        return Buffer.concat([body.subarray(0, at), pick(SPLINTERS), body.subarray(at)]);
      case 2:
        return Buffer.concat([body.subarray(0, at), body.subarray(to)]);
      default:
        return Buffer.concat([body.subarray(0, to), body.subarray(at)]);
    }
  };

  while (true) {
    const { path, operation, json } = pick(SEEDS);
    let body = Buffer.from(withOtherFields(json));
    for (let mutations = below(4); mutations > 0; mutations--) body = Buffer.from(damaged(body));
    yield { path, operation, body: new Uint8Array(body) };
  }
}

export interface FuzzResult {
  readonly accepted: number;
  readonly refused: number;
  /** What had another status than 200 or 4xx, or a body that is not ours. */
  readonly failures: string[];
  readonly slowestMs: number;
}

/** Sends `count` requests. */
export async function fuzzRequests(
  count: number,
  seed: number,
  send: (path: string, body: Uint8Array<ArrayBuffer>) => Promise<{ status: number; text: string }>,
): Promise<FuzzResult> {
  const bodies = hostileBodies(seed);
  const failures: string[] = [];
  let [accepted, refused, slowestMs] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const { path, operation, body } = bodies.next().value!;
    const startedMs = performance.now();
    const { status, text } = await send(path, body);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    if (status === 200 && isAnswer(operation, text)) accepted++;
    else if (status >= 400 && status < 500 && isError(operation, text)) refused++;
    else
      failures.push(`${path} ${status} ${JSON.stringify(Buffer.from(body).toString('latin1'))}: ${text.slice(0, 200)}`);
  }
  return { accepted, refused, failures, slowestMs };
}

function isAnswer({ answer }: Operation, text: string): boolean {
  return answer !== null && !('mediaType' in answer) && v.is(answer, JSON.parse(text)) && !text.includes('NaN');
}

/** An error has the shape that /openapi.json says, on one line, and quotes next to nothing. */
function isError({ errors }: Operation, text: string): boolean {
  return v.is(errors, JSON.parse(text)) && /^[\x20-\x7e]{1,600}$/.test(text);
}
