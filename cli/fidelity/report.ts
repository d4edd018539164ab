import type { Embedder } from '../../src/embedder.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import type { ScoredText } from '../../src/scoring/scoring.ts';
import { encodeInFloat, type FloatModel } from '../float/reference.ts';
import { type Measured, measure } from './measure.ts';
import { EVALUATION_PAIRS } from './texts.ts';

export const REPORT_FORMAT = 'm3edge-fidelity/1';

/** `fidelity.json`. The same model, checkpoint and texts give the same bytes. */
export interface Report extends Measured {
  readonly format: typeof REPORT_FORMAT;
  readonly model: Manifest['model'];
  readonly preset: Manifest['preset'];
  /** Of the model that was measured. */
  readonly fingerprint: string;
  /** Where the texts are from: `bundled`, or the file's name. */
  readonly texts: { readonly source: string; readonly count: number; readonly tokens: number };
}

/** What is measured on. */
export interface TextSet {
  readonly source: string;
  readonly texts: readonly { readonly language: string; readonly text: string }[];
  /** Indices into `texts`. */
  readonly questions: readonly number[];
  readonly passages: readonly number[];
}

/** Six questions and answers in each of sixteen languages. */
export function bundledTexts(): TextSet {
  const texts = EVALUATION_PAIRS.flatMap(({ language, question, passage }) => [
    { language, text: question },
    { language, text: passage },
  ]);
  const indices = EVALUATION_PAIRS.map((_, i) => 2 * i);
  return { source: 'bundled', texts, questions: indices, passages: indices.map((i) => i + 1) };
}

/** Every so many texts of a user's own one is asked for among all the others, so that long files take time in proportion. */
const OWN_QUESTIONS = 64;

/** A user's own texts: some of them, spread over the file, are asked for among all others. */
export function ownTexts(source: string, lines: readonly string[]): TextSet {
  const stride = Math.ceil(lines.length / OWN_QUESTIONS);
  const passages = lines.map((_, i) => i);
  return {
    source,
    texts: lines.map((text) => ({ language: 'own', text })),
    questions: passages.filter((i) => i % stride === 0),
    passages,
  };
}

/** Texts at most this long, so that one long text does not outweigh all others. */
const MAX_TOKENS = 512;

/**
 * Runs both models over the texts and compares them.
 *
 * @param onProgress Called with steps done and steps in all: texts through the quantised model, then layers of the float32 one.
 */
export async function makeReport(
  embedder: Embedder,
  model: FloatModel,
  set: TextSet,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Report> {
  const { manifest, fingerprint } = embedder;
  const { bos, pad, eos, unknown } = manifest.tokenizer;
  const steps = set.texts.length + model.architecture.layerCount;
  const quantised: ScoredText[] = [];
  const ids: Uint32Array[] = [];
  const embeddings = embedder.embedEach(
    set.texts.map(({ text }) => text),
    { dense: true, sparse: true, colbert: true, truncate: true, maxTokens: MAX_TOKENS },
  );
  for await (const { tokenIds, dense, lexicalWeights, colbert } of embeddings) {
    ids.push(tokenIds);
    quantised.push({ dense: dense!, lexicalWeights: lexicalWeights!, colbert: colbert! });
    onProgress(ids.length, steps);
  }
  const reference = encodeInFloat(model, ids, new Set([bos, pad, eos, unknown]), (done) =>
    onProgress(ids.length + done, steps),
  );
  const measured = measure({
    ...set,
    texts: set.texts.map(({ language }, i) => ({ language, reference: reference[i]!, quantised: quantised[i]! })),
    colbertSize: manifest.architecture.colbertSize,
  });
  return {
    format: REPORT_FORMAT,
    model: manifest.model,
    preset: manifest.preset,
    fingerprint,
    texts: { source: set.source, count: ids.length, tokens: ids.reduce((sum, { length }) => sum + length, 0) },
    ...measured,
  };
}
