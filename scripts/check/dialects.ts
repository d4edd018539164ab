import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OPERATIONS } from '../../src/routes/openapi.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface TestResult {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo';
}

/** Every dialect, as its own clients and /openapi.json speak it; and what callers may get wrong. */
export async function* check(): AsyncGenerator<Finding> {
  yield report(
    'clients that others wrote, unmodified, against wrangler dev: openai, ai, @langchain/openai and community, @huggingface/inference, cohere-ai',
    runTests('process', ['test/process/clients.test.ts']),
  );
  const described = runTests('node', ['test/routes/openapi.test.ts']);
  yield report('/openapi.json is valid OpenAPI 3.1', described, /is valid OpenAPI 3\.1/);
  const examples = OPERATIONS.flatMap(({ paths, examples }) => paths.flatMap(() => Object.values(examples ?? {})));
  // An import's lines have fields of their own each.
  const withFields = examples.filter((example) => typeof example === 'object');
  yield report(
    `each of its ${examples.length} examples is answered as it says`,
    described,
    /example is answered as described/,
    examples.length,
  );
  yield report(
    'a field more is refused by name, at every route',
    described,
    /a field more is refused/,
    withFields.length,
  );
  yield* checkFaults();
}

const FAULTS = [
  ...Array.from({ length: 12 }, (_, i) => `D${38 + i}`),
  ...Array.from({ length: 8 }, (_, i) => `E${50 + i}`),
];
const FAULT = /\b[DE](3[89]|4\d|5[0-7])\b/g;

/** Tests carry the numbers of the faults that they are about. */
async function* checkFaults(): AsyncGenerator<Finding> {
  const files = ['test/routes', 'test/auth', 'test/tokenizer', 'test/documents', 'test/jobs'];
  const results = ['node', 'worker'].flatMap((project) =>
    runTests(project, project === 'node' ? files : ['test/worker/worker.test.ts'], FAULT),
  );
  const failed = new Set<string>();
  const passed = new Set<string>();
  for (const { fullName, status } of results) {
    for (const fault of fullName.match(FAULT) ?? []) (status === 'passed' ? passed : failed).add(fault);
  }
  const missing = FAULTS.filter((fault) => !passed.has(fault) || failed.has(fault));
  yield {
    claim: 'faults D38 to D49 and E50 to E57 of requests, keys and abuse each have tests that pass',
    figure: `${results.length} tests name them; without, or failing: ${missing.join(', ') || 'none'}`,
    verdict: missing.length === 0 ? 'ok' : 'short',
  };
}

function report(claim: string, results: readonly TestResult[], name = /./, least = 1): Finding {
  const wanted = results.filter(({ fullName }) => name.test(fullName));
  const count = (status: TestResult['status']) => wanted.filter((result) => result.status === status).length;
  const figure = `${count('passed')} tests passed, ${count('failed')} failed, ${wanted.length - count('passed') - count('failed')} skipped`;
  if (wanted.length > 0 && count('passed') + count('failed') === 0) return { claim, figure, verdict: 'skipped' };
  return { claim, figure, verdict: count('failed') === 0 && count('passed') >= least ? 'ok' : 'short' };
}

/** @param name Of the tests to run; default all of the files. */
function runTests(project: string, files: readonly string[], name?: RegExp): TestResult[] {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-check-'));
  const output = join(directory, 'results.json');
  try {
    const args = [
      'run',
      '--project',
      project,
      '--reporter=json',
      `--outputFile=${output}`,
      '--passWithNoTests',
      ...files,
    ];
    spawnSync('vitest', name ? [...args, '-t', name.source] : args, { cwd: root, stdio: 'ignore' });
    const { testResults } = JSON.parse(readFileSync(output, 'utf8'));
    const results: TestResult[] = testResults.flatMap(
      ({ assertionResults }: { assertionResults: TestResult[] }) => assertionResults,
    );
    return name ? results.filter(({ fullName }) => fullName.match(name)) : results;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
