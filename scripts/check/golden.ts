import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_TEXTS } from '../../cli/calibrate/texts.ts';
import { convertCheckpoint } from '../../cli/convert/convert.ts';

import { encodeReference, openReference } from '../../cli/reference/scalar-encoder.ts';
import type { Embedding } from '../../src/embedder.ts';
import { embeddingLine } from '../../src/embedding-json.ts';
import { startDevServer } from '../../test/support/dev-server.ts';
import { type Errors, errorsOf, peerErrors, sparseDifference } from '../../test/support/fidelity.ts';
import {
  FIXTURES,
  type Fixture,
  fixtureDirectory,
  openModel,
  PRESETS,
  readGolden,
  readPeer,
} from '../../test/support/models.ts';
import { largestDifference } from '../../test/support/wasm-arena.ts';
import type { Finding } from '../check.ts';

/** What each error may be, in the peer's: quantisation itself is theirs too, so a worst case may fall on another text. */
const ALLOWED = {
  denseMean: 1.25,
  denseWorst: 1.5,
  colbertMean: 1.25,
  colbertWorst: 1.5,
  sparseLargest: 1.25,
} as const satisfies Errors;
const OUTPUTS = { dense: true, sparse: true, colbert: true, truncate: true };
/** Of the float32 path: golden.json has six decimals. */
const FLOAT_TOLERANCE = 1e-4;

/** Text in, three embeddings and their scores out: both fixtures against their float32 outputs, in Node and in workerd. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-golden-'));
  try {
    for (const fixture of FIXTURES) {
      yield await checkFloatPath(fixture);
      for (const preset of PRESETS) {
        const outDir = join(directory, `${fixture}-${preset}`);
        await convertCheckpoint({
          checkpoint: fixtureDirectory(fixture),
          outDir,
          preset,
          name: fixture,
          calibrationTexts: CALIBRATION_TEXTS,
        });
        yield* checkModel(fixture, preset, outDir);
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function checkFloatPath(fixture: Fixture): Promise<Finding> {
  const reference = await openReference(fixtureDirectory(fixture));
  const width = reference.config.hiddenSize;
  let largest = 0;
  for (const golden of readGolden(fixture).texts) {
    const { dense, colbert, lexicalWeights } = encodeReference(reference, Uint32Array.from(golden.ids));
    largest = Math.max(
      largest,
      largestDifference(dense, golden.dense),
      largestDifference(colbert.subarray(0, width), golden.colbert_first),
      largestDifference(colbert.subarray(-width), golden.colbert_last),
      sparseDifference(lexicalWeights, golden.sparse),
    );
  }
  return {
    claim: `${fixture}: the float32 path of scalar twins agrees with the golden outputs to ${FLOAT_TOLERANCE}`,
    figure: `largest difference ${largest.toExponential(1)}`,
    verdict: largest <= FLOAT_TOLERANCE ? 'ok' : 'short',
  };
}

async function* checkModel(fixture: Fixture, preset: 'q8' | 'q4', directory: string): AsyncGenerator<Finding> {
  const { texts } = readGolden(fixture);
  const embedder = await openModel(directory);
  const embeddings = await embedder.embed(
    texts.map(({ text }) => text),
    OUTPUTS,
  );

  const sameIds = texts.filter(({ ids }, i) => ids.join() === embeddings[i]!.tokenIds.join()).length;
  yield {
    claim: `${fixture} ${preset}: the reference's ids`,
    figure: `${sameIds} of ${texts.length} texts`,
    verdict: sameIds === texts.length ? 'ok' : 'short',
  };

  const errors = errorsOf(texts, embeddings, embedder.manifest.architecture.colbertSize);
  const peer = peerErrors(readPeer(fixture, preset));
  const names = Object.keys(ALLOWED) as (keyof Errors)[];
  const ratios = names.map((name) => errors[name] / peer[name]);
  yield {
    claim: `${fixture} ${preset}: errors in onnxruntime's own, at most ${names.map((name) => `${name} ${ALLOWED[name]}`).join(', ')}`,
    figure: names.map((name, i) => `${name} ${ratios[i]!.toFixed(2)} (${errors[name].toExponential(2)})`).join(', '),
    verdict: ratios.every((ratio, i) => ratio <= ALLOWED[names[i]!]) ? 'ok' : 'short',
  };

  const { colbertSize } = embedder.manifest.architecture;
  const lines: string[] = [];
  for (const [index, embedding] of embeddings.entries()) lines.push(await lineOf(index, embedding, colbertSize));
  const alone: string[] = [];
  for (const { text } of texts) {
    const [embedding] = await embedder.embed([text], OUTPUTS);
    alone.push(await lineOf(alone.length, embedding!, colbertSize));
  }
  const served = await encodeInWorkerd(
    directory,
    texts.map(({ text }) => text),
  );
  const same = lines.filter((line, i) => line === alone[i] && line === served[i]).length;
  yield {
    claim: `${fixture} ${preset}: workerd and Node give a text the same bits, alone and in a batch`,
    figure: `${same} of ${texts.length} texts, dense, sparse and ColBERT`,
    verdict: same === texts.length ? 'ok' : 'short',
  };
}

/** As /encode prints it: floats as the shortest decimals that read back the same, so that equal lines are equal bits. */
async function lineOf(index: number, embedding: Embedding, colbertSize: number): Promise<string> {
  let line = '';
  for await (const piece of embeddingLine(index, embedding, { encoding: 'float', colbertSize })) line += piece;
  return line.trimEnd();
}

async function encodeInWorkerd(directory: string, texts: readonly string[]): Promise<string[]> {
  const server = await startDevServer(directory);
  try {
    const response = await fetch(`${server.url}/encode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      body: JSON.stringify({ texts, return_sparse: true, return_colbert_vecs: true, truncate: true }),
    });
    return (await response.text()).trimEnd().split('\n');
  } finally {
    await server.stop();
  }
}
