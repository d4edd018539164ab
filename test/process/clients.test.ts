import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { type DevServer, startDevServer } from '../support/dev-server.ts';
import { modelDirectory } from '../support/models.ts';

/** Clients as npm has them, unmodified, against a running `wrangler dev`. */

const directory = fileURLToPath(new URL('../clients', import.meta.url));
const run = promisify(execFile);
const INSTALL_MS = 300_000;
const MODEL = 'micro-m3';
const texts = ['what is a blue whale', 'the heaviest animal', 'tax return 2024', '日本国憲法'] as const;

let server: DevServer;
/** Why the clients are not there; undefined where they are. */
let missing: string | undefined;

beforeAll(async () => {
  missing = await install();
  if (missing) console.log(`clients are not tested: ${missing}`);
  server = await startDevServer(modelDirectory('micro-m3', 'q8'));
}, INSTALL_MS);
afterAll(() => server?.stop());

/** Without any package's scripts, and once for each lock. */
async function install(): Promise<string | undefined> {
  const installed = join(directory, 'node_modules/.package-lock.json');
  const isThere =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(directory, 'package-lock.json')).mtimeMs;
  if (isThere) return undefined;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    await run('npm', args, { cwd: directory, timeout: INSTALL_MS });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return `npm ${args.join(' ')} failed in test/clients: ${(stderr ?? String(error)).trim().split('\n').at(-1)}`;
  }
}

/** What the client gives, and what the native route has for the same texts. */
async function askBoth(client: string, skip: (note: string) => void) {
  if (missing) skip(missing);
  const args = [join(directory, 'ask.ts'), client, server.url, MODEL, JSON.stringify(texts)];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  const native = createClient({ baseUrl: server.url });
  const embedded = await native.encode(texts);
  return {
    answers: JSON.parse(stdout),
    vectors: embedded.map(({ dense }) => [...dense!]),
    tokens: embedded.reduce((sum, { tokens }) => sum + tokens, 0),
    scores: await native.score({ query: texts[0], passages: texts.slice(1) }),
  };
}
const rounded = (rows: readonly number[][]) => rows.map((row) => row.map(Math.fround));

describe('npm openai', () => {
  it('gets vectors, models and its own errors', async ({ skip }) => {
    const { answers, vectors } = await askBoth('openai', skip);
    expect(rounded(answers['by default, which is base64 behind the scenes'])).toEqual(vectors);
    expect(rounded(answers['as floats'])).toEqual(vectors);
    expect(answers['of fewer dimensions']).toEqual([16, 16, 16, 16]);
    expect(answers.models).toEqual([MODEL]);
    expect(answers.errors).toEqual([
      ['context_length_exceeded', 'input'],
      true,
      ['model_not_found', 'model'],
      'string',
    ]);
  });
});

describe('npm ai with @ai-sdk/openai-compatible', () => {
  it('gets vectors, counts and errors', async ({ skip }) => {
    const { answers, vectors, tokens } = await askBoth('ai-sdk', skip);
    expect(rounded(answers['many at once'])).toEqual(vectors);
    expect(rounded(answers['one alone'])).toEqual([vectors[0]]);
    expect(answers['tokens counted']).toBe(tokens);
    expect(answers.errors).toEqual([404, expect.stringContaining('is not served here')]);
  });
});

describe('npm @langchain/openai and @langchain/community', () => {
  it('get vectors by the routes of OpenAI and TEI, in batches of their own', async ({ skip }) => {
    const { answers, vectors } = await askBoth('langchain', skip);
    expect(rounded(answers['documents by OpenAIEmbeddings'])).toEqual(vectors);
    expect(rounded(answers['a query by OpenAIEmbeddings'])).toEqual([vectors[0]]);
    expect(rounded(answers['documents by HuggingFaceInferenceEmbeddings'])).toEqual(vectors);
    expect(rounded(answers['a query by HuggingFaceInferenceEmbeddings'])).toEqual([vectors[0]]);
    expect(answers['600 documents, in its batches of 512']).toBe(600);
  });
});

describe('npm @huggingface/inference', () => {
  it('gets vectors, similarities and TEI’s errors', async ({ skip }) => {
    const { answers, vectors, scores } = await askBoth('huggingface', skip);
    expect(rounded(answers['featureExtraction at /embed'])).toEqual(vectors);
    expect(rounded(answers['featureExtraction at /, as an inference endpoint has it'])).toEqual(vectors);
    expect(answers['sentenceSimilarity at /similarity']).toEqual(scores.dense);
    expect(answers.errors).toEqual([400, { error: expect.stringContaining('inputs'), error_type: 'Empty' }]);
  });
});

describe('npm cohere-ai', () => {
  it('ranks by both of its versions', async ({ skip }) => {
    const { answers, scores } = await askBoth('cohere', skip);
    const best = scores['colbert+sparse+dense']
      .map((relevanceScore, index) => ({ index, relevanceScore }))
      .sort((a, b) => b.relevanceScore - a.relevanceScore);
    expect(answers['rerank of v2']).toEqual(best.slice(0, 2));
    expect(answers['its meta']).toBe('2');
    expect(answers['rerank of v1']).toEqual(
      best.map((result) => ({ ...result, document: { text: texts[result.index + 1] } })),
    );
    expect(answers.errors).toEqual([
      [404, expect.objectContaining({ message: expect.stringContaining('rerank-v3.5') })],
      [422, expect.objectContaining({ message: expect.stringContaining('documents') })],
    ]);
  });
});

it('their types fit what they are asked', async ({ skip }) => {
  if (missing) skip(missing);
  await run('tsc', ['-p', directory]).catch(({ stdout }) => expect(stdout).toBe(''));
});
