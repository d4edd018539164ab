import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuMs } from '../../bench/cpu-clock.ts';
import { type DevServer, startDevServer } from '../../test/support/dev-server.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Workers Paid, https://developers.cloudflare.com/workers/platform/pricing/: dollars a million milliseconds of CPU, and a million requests. */
const CPU_DOLLARS = 0.02;
const REQUEST_DOLLARS = 0.3;
/** @cf/baai/bge-m3, https://developers.cloudflare.com/workers-ai/platform/pricing/: dollars a million tokens. */
const WORKERS_AI_DOLLARS = 0.012;
/** What docs/deploy.md says a million tokens cost at most, on this kind of machine, requests included. */
const CLAIMED_DOLLARS = 0.25;
/** No CPU does a token of BGE-M3 in less: 0.6 billion operations. Below it something else was measured. */
const LEAST_MS = 0.3;
const ROUNDS = 4;

const REQUESTS: readonly { readonly texts: number; readonly words: number }[] = [
  { texts: 1, words: 8 },
  { texts: 1, words: 120 },
  { texts: 16, words: 60 },
];

/** CPU time of workerd for a model of BGE-M3's size, layers streamed from static assets, and what that costs. Linux only. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-costs-'));
  const model = join(directory, 'model');
  try {
    for (const quant of ['q8', 'q4']) {
      const made = spawnSync(process.execPath, ['cli/bin.js', 'model', 'synth', '--out', model, '--quant', quant], {
        cwd: root,
      });
      if (made.status !== 0) throw new Error(String(made.stderr));
      const server = await startDevServer(model);
      try {
        for (const { texts, words } of REQUESTS) {
          yield await measure(`${quant}, ${texts} ${texts === 1 ? 'text' : 'texts'}`, server, texts, words);
        }
      } finally {
        await server.stop();
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measure(what: string, server: DevServer, texts: number, words: number): Promise<Finding> {
  let tokens = 0;
  await ask(server.url, texts, words); // reads what stays in memory, compiles
  // Listed only now: wrangler replaces a workerd when its files change, as those that are staged do.
  const workerd = descendantsOf(server.process.pid!).filter((pid) => nameOf(pid) === 'workerd');
  const usedMs = () => workerd.reduce((sum, pid) => sum + (cpuMs(pid) ?? Number.NaN), 0);
  const before = usedMs();
  for (let round = 0; round < ROUNDS; round++) tokens += await ask(server.url, texts, words);
  const msPerToken = (usedMs() - before) / tokens;
  const dollars = CPU_DOLLARS * msPerToken + (REQUEST_DOLLARS * ROUNDS) / tokens;
  return {
    claim: `${what}, ${tokens / ROUNDS} tokens a request: dense, sparse and ColBERT for at most $${CLAIMED_DOLLARS} a million tokens`,
    figure: `${msPerToken.toFixed(2)} ms of CPU a token, $${dollars.toFixed(3)}; Workers AI's dense vectors $${WORKERS_AI_DOLLARS}`,
    verdict: msPerToken > LEAST_MS && dollars <= CLAIMED_DOLLARS ? 'ok' : 'short',
  };
}

let asked = 0;

/** Texts that no answer is kept of. @returns Their tokens. */
async function ask(url: string, count: number, words: number): Promise<number> {
  const texts = Array.from({ length: count }, () =>
    Array.from({ length: words }, (_, i) => `word${(asked++ * 7 + i) % 997}`).join(' '),
  );
  const body = JSON.stringify({ texts, return_sparse: true, return_colbert_vecs: true, encoding_format: 'base64' });
  const response = await fetch(`${url}/encode`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (!response.ok) throw new Error(await response.text());
  const { usage } = (await response.json()) as { usage: { tokens: number[] } };
  return usage.tokens.reduce((sum, number) => sum + number, 0);
}

/** Linux's own list. */
function descendantsOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
