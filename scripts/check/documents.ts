import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_TEXTS } from '../../cli/calibrate/texts.ts';
import { convertCheckpoint } from '../../cli/convert/convert.ts';
import { createDocumentState, type DocumentServer, startDocumentServer } from '../../test/support/document-server.ts';
import { torture } from '../../test/support/document-torture.ts';
import { fixtureDirectory } from '../../test/support/models.ts';
import type { Finding, Parts } from '../check.ts';

const SEED = 2026;
const IMPORTED = 100_000;
const verdict = (isGood: boolean): Finding['verdict'] => (isGood ? 'ok' : 'short');

/** A store of documents under `wrangler dev`: embedded by cron and queue, killed, and filled. */
export const parts: Parts = {
  'round-trip': () => withModels(([model]) => checkRoundTrip(model)),
  torture: () => withModels(checkTorture),
  import: () => withModels(([model]) => checkImport(model)),
};

/** Two models that give other vectors. */
async function* withModels(
  work: (models: readonly [string, string]) => AsyncGenerator<Finding>,
): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-check-documents-'));
  const model = async (preset: 'q8' | 'q4') => {
    const outDir = join(directory, preset);
    const checkpoint = fixtureDirectory('micro-m3');
    await convertCheckpoint({ checkpoint, outDir, preset, name: 'micro-m3', calibrationTexts: CALIBRATION_TEXTS });
    return outDir;
  };
  try {
    yield* work([await model('q8'), await model('q4')]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function* withServer(
  model: string,
  vars: readonly string[],
  work: (server: DocumentServer) => AsyncGenerator<Finding>,
): AsyncGenerator<Finding> {
  const state = await createDocumentState();
  let server: DocumentServer | undefined;
  try {
    server = await startDocumentServer(state, state.stage(model), { vars });
    yield* work(server);
  } finally {
    await server?.kill();
    state.remove();
  }
}

async function settle(server: DocumentServer): Promise<Record<string, number>> {
  await server.tick();
  for (;;) {
    const status = await server.json('GET', '/reembed/status');
    if (status.pending === 0) return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const line = (i: number) =>
  `${JSON.stringify({ id: `d${i}`, text: `document ${i}: ${'about whales and taxes '.repeat(10)}` })}\n`;

async function* checkRoundTrip(model: string): AsyncGenerator<Finding> {
  yield* withServer(model, ['ACCESS_LOG:on'], async function* (server) {
    const DOCUMENTS = 200;
    const embeddedOf = (output: string) =>
      [...output.matchAll(/"event":"reembed".*?"embedded":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    await server.import(Array.from({ length: DOCUMENTS }, (_, i) => line(i)).join(''));
    const first = await settle(server);
    const before = embeddedOf(server.output());
    await server.json('PUT', '/documents/d7', { text: 'another text' });
    const second = await settle(server);
    const again = embeddedOf(server.output()) - before;
    yield {
      claim:
        'wrangler dev with D1, queue and cron: import, tick, all embedded; one edited, tick, only that one embedded again',
      figure: `${first.embedded} of ${DOCUMENTS}, then ${again}; ${second.embedded} embedded, ${second.failed} failed`,
      verdict: verdict(first.embedded === DOCUMENTS && again === 1 && second.embedded === DOCUMENTS),
    };
  });
}

async function* checkTorture(models: readonly [string, string]): AsyncGenerator<Finding> {
  const onProgress = (text: string) => process.stderr.write(`\r${text}`);
  const report = await torture({ models, documents: 1000, kills: 20, seed: SEED, onProgress });
  process.stderr.write('\n');
  const { lost, duplicated, wrongHashes, wrongVectors, wrongPostings, jobs, servesLastModel } = report;
  const wrong = lost + duplicated + wrongHashes + wrongVectors + wrongPostings + jobs;
  yield {
    claim: `${report.documents} documents, the process group killed ${report.kills} times at seeded counts of D1 writes, at last with ${report.claimedByDead} documents claimed, the model changed half way: nothing lost or doubled, every hash, fingerprint, vector and posting right`,
    figure: `seed ${SEED}, ${report.writes} writes: ${lost} lost, ${duplicated} doubled, ${wrongHashes} wrong hashes, ${wrongVectors} wrong vectors, ${wrongPostings} wrong postings, ${jobs} left; ${servesLastModel ? 'the new model is' : 'the new model is NOT'} served`,
    verdict: verdict(wrong === 0 && servesLastModel),
  };
}

async function* checkImport(model: string): AsyncGenerator<Finding> {
  yield* withServer(model, [], async function* (server) {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const lines = Array.from({ length: 100 }, () => line(sent++)).join('');
        controller.enqueue(new TextEncoder().encode(lines));
        if (sent === IMPORTED) controller.close();
      },
    });
    const before = server.usage().residentBytes;
    const startedMs = performance.now();
    const report = await server.import(body);
    const seconds = (performance.now() - startedMs) / 1000;
    const growth = server.usage().residentBytes - before;
    yield {
      claim: `an import of ${IMPORTED} documents streams`,
      figure: `${report.changed} stored in ${seconds.toFixed(1)} s; workerd grew by ${(growth / 1e6).toFixed(0)} MB, D1 and its cache included`,
      verdict: verdict(report.changed === IMPORTED && report.refused === 0),
    };
  });
}
