import type { Embedder, Embedding } from '../../src/embedder.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { DEFAULT_MODE_WEIGHTS, type ScoredText, scorePair } from '../../src/scoring/scoring.ts';
import type { Publication, PublishedValue } from './publication.ts';

/** A published number beside the model's own. */
export interface Comparison {
  readonly what: string;
  readonly published: number;
  /** NaN where the model has nothing there. */
  readonly measured: number;
  readonly tolerance: number;
  readonly isNear: boolean;
}

/**
 * What q8 may differ by. Between themselves the publications differ by up to 0.0004 in scores (fp16 and fp32) and, int8 against fp32 by the same author,
 * 0.0165 in lexical weights. Another model, or tensors in the wrong places, miss scores by tenths.
 */
const TOLERANCES: Readonly<Record<PublishedValue['kind'], number>> = {
  /** A 1 - cosine of 1e-3 on either side moves a score by up to 0.02 where it is 0.6. */
  scores: 0.02,
  /** The int8 conversion's worst. */
  weights: 0.02,
  'colbert shape': 0,
  /** A 1 - cosine of 1e-3 is 0.0014 a dimension in the mean of 1,024; five times that. */
  'leading dense': 0.007,
  'leading colbert': 0.007,
  /** 0.0014 a dimension, 1,024 times, independent: 0.045; twice that. */
  'dense sum': 0.09,
};
/** 4 bits err about twice as much in cosine's root (docs/quantisation.md); an int8 reference adds an error of its own. */
const FACTORS = { preset: { q8: 1, q4: 2, auto: 2 }, arithmetic: { fp32: 1, fp16: 1, int8: 2 } } as const;

/** Every published number against the model's. */
export async function comparePublished(
  embedder: Embedder,
  publications: readonly Publication[],
  onText: (done: number) => void = () => {},
): Promise<ReadonlyMap<Publication, readonly Comparison[]>> {
  const texts = new Map<string, Embedding>();
  const distinct = [...new Set(publications.flatMap(({ values }) => values.flatMap(textsOf)))];
  let done = 0;
  for await (const embedding of embedder.embedEach(distinct, { dense: true, sparse: true, colbert: true })) {
    texts.set(distinct[done]!, embedding);
    onText(++done);
  }
  return new Map(
    publications.map((publication) => [
      publication,
      publication.values.flatMap((value) => {
        const tolerance = toleranceOf(value, publication, embedder.manifest);
        return [...measure(value, embedder, texts)].map(([what, published, measured]) => {
          const isNear = Math.abs(published - measured) <= tolerance;
          return { what, published, measured, tolerance, isNear };
        });
      }),
    ]),
  );
}

const textsOf = (value: PublishedValue): readonly string[] =>
  value.kind === 'scores' ? value.pairs.flat() : [value.text];

const toleranceOf = ({ kind }: PublishedValue, { arithmetic }: Publication, { preset }: Manifest) =>
  TOLERANCES[kind] * FACTORS.preset[preset] * FACTORS.arithmetic[arithmetic];

type Measured = readonly [what: string, published: number, measured: number];

function* measure(
  value: PublishedValue,
  embedder: Embedder,
  texts: ReadonlyMap<string, Embedding>,
): Generator<Measured> {
  const width = embedder.manifest.architecture.colbertSize;
  const outputs = (text: string) => texts.get(text) as Embedding & ScoredText;
  switch (value.kind) {
    case 'scores': {
      const weights = value.weights ?? DEFAULT_MODE_WEIGHTS;
      for (const [i, [query, passage]] of value.pairs.entries()) {
        const scores = scorePair(outputs(query), outputs(passage), width, weights);
        const weighed = value.mode.includes('+') ? ` of ${weights.join(', ')}` : '';
        yield [`${value.mode}${weighed}: ${brief(query)} | ${brief(passage)}`, value.values[i]!, scores[value.mode]];
      }
      return;
    }
    case 'weights': {
      const { lexicalWeights } = outputs(value.text);
      const byPiece = new Map<string, number>();
      for (const [id, weight] of lexicalWeights) byPiece.set(embedder.tokenizer.piece(id).replace('▁', ''), weight);
      const isById = 'ids' in value;
      for (const [key, weight] of Object.entries(isById ? value.ids : value.pieces)) {
        const measured = isById ? lexicalWeights.get(Number(key)) : byPiece.get(key);
        yield [
          `weight of ${isById ? `id ${key}` : JSON.stringify(key)}: ${brief(value.text)}`,
          weight,
          measured ?? Number.NaN,
        ];
      }
      return;
    }
    case 'colbert shape': {
      const { colbert } = outputs(value.text);
      yield [`ColBERT rows: ${brief(value.text)}`, value.rows, colbert.length / width];
      yield [`ColBERT width: ${brief(value.text)}`, value.width, width];
      return;
    }
    case 'leading dense':
      for (const [i, number] of value.values.entries())
        yield [`dense[${i}]: ${brief(value.text)}`, number, outputs(value.text).dense[i]!];
      return;
    case 'leading colbert':
      for (const [i, number] of value.values.entries())
        yield [
          `ColBERT[${value.row}, ${i}]: ${brief(value.text)}`,
          number,
          outputs(value.text).colbert[value.row * width + i] ?? Number.NaN,
        ];
      return;
    case 'dense sum':
      yield [
        `sum of dense: ${brief(value.text)}`,
        value.value,
        outputs(value.text).dense.reduce((sum, x) => sum + x, 0),
      ];
  }
}

const brief = (text: string) => (text.length <= 24 ? text : `${text.slice(0, 22).trimEnd()}...`);
