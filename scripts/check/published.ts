import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const xlmr = join(root, '../shared/data/xlmr/tokenizer.json');
const NUMBERS = 207;

/**
 * `m3edge model verify` against BGE-M3's published outputs, on a stub of its shape: vocabulary, widths and heads are the model's, weights are random,
 * so that the numbers cannot agree and shapes must.
 */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-published-'));
  const model = join(directory, 'stub');
  const hasVocabulary = existsSync(xlmr);
  try {
    const tokenizer = hasVocabulary ? ['--tokenizer', xlmr] : [];
    const made = run('model', 'synth', '--out', model, '--layers', '2', ...tokenizer);
    if (made.status !== 0) throw new Error(made.stderr);
    const manifest = JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8'));
    manifest.model.upstream = 'BAAI/bge-m3';
    writeFileSync(join(model, 'manifest.json'), JSON.stringify(manifest));

    const { status, stdout, stderr } = run('model', 'verify', model);
    const lines = stdout.split('\n').filter((line) => /^(ok |off) /.test(line));
    const measured = lines.filter((line) => !/ none /.test(line)).length;
    yield {
      claim: `every published number stands beside the stub's own: ${NUMBERS}`,
      figure: `${lines.length} lines, of which ${measured} with a number of the stub's`,
      verdict: lines.length === NUMBERS ? 'ok' : 'short',
    };
    yield {
      claim: 'random weights are not taken for BGE-M3: exit code 2',
      figure: `exit code ${status}; ${stderr.trim().split('\n').at(-1)}`,
      verdict: status === 2 && /does not answer as BAAI\/bge-m3 does/.test(stderr) ? 'ok' : 'short',
    };
    const shapes = lines.filter((line) => /ColBERT (rows|width)/.test(line));
    const right = shapes.filter((line) => line.startsWith('ok ')).length;
    yield {
      claim: "the published shapes are the stub's, with XLM-R's vocabulary",
      figure: hasVocabulary ? `${right} of ${shapes.length}` : `${xlmr} is not there`,
      verdict: !hasVocabulary ? 'skipped' : right === shapes.length ? 'ok' : 'short',
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['cli/bin.js', ...args], { cwd: root, encoding: 'utf8' });
