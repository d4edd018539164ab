import { denseScore, lexicalScore, type ScoredText } from '../../src/scoring/scoring.ts';
import { createFloatKernel } from '../float/kernel.ts';
import { createMaxSims } from './late-interaction.ts';
import type { ComparedText, Comparison } from './measure.ts';

/** `ensemble` is what M3's self-distillation takes for the teacher. */
export const MODES = ['dense', 'sparse', 'colbert', 'ensemble'] as const;
export type Mode = (typeof MODES)[number];

/** As M3 was trained: dense + 0.3 · sparse + colbert, all over this temperature. */
const SPARSE_SHARE = 0.3;
const TEMPERATURE = 0.02;

/** How the two models rank the passages for one question. */
export type Rankings = Readonly<Record<Mode, Ranking>>;

export interface Ranking {
  readonly kendall: number;
  readonly sameFirst: boolean;
  /** KL divergence from the float32 ensemble: of the float32 model's mode, of the quantised model's. */
  readonly referenceDivergence: number;
  readonly quantisedDivergence: number;
}

/** For each question in turn. A question that is a passage too does not answer itself. */
export function rankPassages({ texts, questions, passages, colbertSize }: Comparison): Rankings[] {
  const kernel = createFloatKernel();
  const scorer = (side: (text: ComparedText) => ScoredText) => {
    const answers = passages.map((passage) => side(texts[passage]!));
    const colbertRows = answers.map(({ colbert }) => colbert);
    const maxSims = createMaxSims(kernel, colbertRows, colbertSize);
    return (question: number): Record<Mode, number[]> => {
      const asked = side(texts[question]!);
      const others = <T>(values: readonly T[]) => values.filter((_, i) => passages[i] !== question);
      const dense = others(answers).map((answer) => denseScore(asked.dense, answer.dense));
      const sparse = others(answers).map((answer) => lexicalScore(asked.lexicalWeights, answer.lexicalWeights));
      const colbert = others(maxSims(asked.colbert));
      return {
        dense,
        sparse,
        colbert,
        ensemble: dense.map((score, i) => score + SPARSE_SHARE * sparse[i]! + colbert[i]!),
      };
    };
  };
  const referenceScores = scorer((text) => text.reference);
  const quantisedScores = scorer((text) => text.quantised);
  return questions.map((question) => compare(referenceScores(question), quantisedScores(question)));
}

function compare(reference: Record<Mode, number[]>, quantised: Record<Mode, number[]>): Rankings {
  const teacher = softmax(reference.ensemble);
  return Object.fromEntries(
    MODES.map((mode): [Mode, Ranking] => [
      mode,
      {
        kendall: kendall(reference[mode], quantised[mode]),
        sameFirst: firstOf(reference[mode]) === firstOf(quantised[mode]),
        referenceDivergence: divergence(teacher, softmax(reference[mode])),
        quantisedDivergence: divergence(teacher, softmax(quantised[mode])),
      },
    ]),
  ) as Record<Mode, Ranking>;
}

/** Index of the largest score, the first of equals; -1 without any. */
function firstOf(scores: readonly number[]): number {
  return scores.reduce((best, score, i) => (best < 0 || score > scores[best]! ? i : best), -1);
}

/** Kendall's tau-b, which counts ties as neither agreeing nor not; 1 where there is nothing to order on either side. */
export function kendall(a: readonly number[], b: readonly number[]): number {
  let [agreement, pairsOfA, pairsOfB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const signA = Math.sign(a[i]! - a[j]!);
      const signB = Math.sign(b[i]! - b[j]!);
      agreement += signA * signB;
      pairsOfA += signA * signA;
      pairsOfB += signB * signB;
    }
  }
  if (pairsOfA === 0 && pairsOfB === 0) return 1;
  return pairsOfA === 0 || pairsOfB === 0 ? 0 : agreement / Math.sqrt(pairsOfA * pairsOfB);
}

/** Logarithms of the softmax at M3's temperature. */
function softmax(scores: readonly number[]): number[] {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const logits = scores.map((score) => (score - largest) / TEMPERATURE);
  const logTotal = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => logit - logTotal);
}

/** Σ p · log(p / q) of two distributions' logarithms. */
function divergence(teacher: readonly number[], student: readonly number[]): number {
  return teacher.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - student[i]!), 0);
}
