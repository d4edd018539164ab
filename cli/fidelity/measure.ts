import type { ScoredText } from '../../src/scoring/scoring.ts';
import { colbertErrors, cosineError, sparseError } from './errors.ts';
import { MODES, type Mode, type Rankings, rankPassages } from './ranking.ts';

/** One text under both models. */
export interface ComparedText {
  readonly language: string;
  readonly reference: ScoredText;
  readonly quantised: ScoredText;
}

/** Texts, and which of them are questions to be answered by which others. */
export interface Comparison {
  readonly texts: readonly ComparedText[];
  /** Indices into `texts`. */
  readonly questions: readonly number[];
  readonly passages: readonly number[];
  readonly colbertSize: number;
}

/** A mean and the worst case, or the share at hand. */
export interface Spread {
  readonly mean: number;
  readonly worst: number;
}

/** What quantisation did; all but the overlaps and agreements are better the smaller they are. */
export interface Figures {
  readonly texts: number;
  /** 1 - cosine of the dense embeddings. */
  readonly dense: Spread;
  /** 1 - cosine of the ColBERT rows; the worst is that of a single row. */
  readonly colbert: Spread;
  readonly sparse: {
    /** Ids with a weight in both models, of those with one in either. */
    readonly overlap: number;
    /** Sum of the weights' absolute differences, in the sum of the reference's weights. */
    readonly weightError: number;
    readonly largestDifference: number;
  };
  /** Absent where the texts hold no question. */
  readonly ranking?: Readonly<Record<Mode, RankingFigures>> & {
    /** (dense + 0.1 · sparse + colbert) / 3 of `divergence`, as M3's self-distillation adds them up. */
    readonly distillation: { readonly reference: number; readonly quantised: number };
  };
}

export interface RankingFigures {
  /** Kendall's tau-b of the two orders of all passages, mean over the questions. */
  readonly kendall: number;
  /** Questions with the same first passage. */
  readonly sameFirst: number;
  /** KL divergence of this mode's softmax from that of the float32 ensemble; what the float32 model itself has stands beside it. */
  readonly divergence: { readonly reference: number; readonly quantised: number };
}

export interface Measured {
  readonly total: Figures;
  readonly languages: Readonly<Record<string, Figures>>;
}

/** Figures over all texts and for each language; a question ranks the passages of all languages. */
export function measure(comparison: Comparison): Measured {
  const rankings = rankPassages(comparison);
  const languages = [...new Set(comparison.texts.map(({ language }) => language))];
  const languageOf = (question: number) => comparison.texts[comparison.questions[question]!]!.language;
  return {
    total: figuresOf(comparison.texts, rankings, comparison.colbertSize),
    languages: Object.fromEntries(
      languages.map((language) => [
        language,
        figuresOf(
          comparison.texts.filter((text) => text.language === language),
          rankings.filter((_, question) => languageOf(question) === language),
          comparison.colbertSize,
        ),
      ]),
    ),
  };
}

function figuresOf(texts: readonly ComparedText[], rankings: readonly Rankings[], colbertSize: number): Figures {
  const dense = texts.map(({ reference, quantised }) => cosineError(reference.dense, quantised.dense));
  const colbert = texts.flatMap(({ reference, quantised }) =>
    colbertErrors(reference.colbert, quantised.colbert, colbertSize),
  );
  const sparse = texts.map(({ reference, quantised }) =>
    sparseError(reference.lexicalWeights, quantised.lexicalWeights),
  );
  const total = (field: keyof (typeof sparse)[number]) => sparse.reduce((sum, error) => sum + error[field], 0);
  return {
    texts: texts.length,
    dense: spread(dense),
    colbert: spread(colbert),
    sparse: {
      overlap: ratio(total('shared'), total('either'), 1),
      weightError: ratio(total('difference'), total('weight'), 0),
      largestDifference: sparse.reduce((largest, error) => Math.max(largest, error.largestDifference), 0),
    },
    ...(rankings.length > 0 && { ranking: rankingFigures(rankings) }),
  };
}

function rankingFigures(rankings: readonly Rankings[]): NonNullable<Figures['ranking']> {
  const figures = Object.fromEntries(
    MODES.map((mode) => {
      const meanOf = (figure: (ranking: Rankings[Mode]) => number) =>
        mean(rankings.map((ranking) => figure(ranking[mode])));
      return [
        mode,
        {
          kendall: meanOf(({ kendall }) => kendall),
          sameFirst: meanOf(({ sameFirst }) => (sameFirst ? 1 : 0)),
          divergence: {
            reference: meanOf(({ referenceDivergence }) => referenceDivergence),
            quantised: meanOf(({ quantisedDivergence }) => quantisedDivergence),
          },
        },
      ];
    }),
  ) as Record<Mode, RankingFigures>;
  const distillation = (side: 'reference' | 'quantised') =>
    (figures.dense.divergence[side] + 0.1 * figures.sparse.divergence[side] + figures.colbert.divergence[side]) / 3;
  return { ...figures, distillation: { reference: distillation('reference'), quantised: distillation('quantised') } };
}

function spread(errors: readonly number[]): Spread {
  return { mean: mean(errors), worst: errors.reduce((worst, error) => Math.max(worst, error), 0) };
}

const mean = (values: readonly number[]) =>
  ratio(
    values.reduce((sum, value) => sum + value, 0),
    values.length,
    0,
  );
const ratio = (part: number, whole: number, otherwise: number) => (whole > 0 ? part / whole : otherwise);
