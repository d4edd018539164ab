import { expect, it } from 'vitest';
import { type ScoreMatrix, scoreAll } from '../../playground/scores.ts';
import type { Embedded } from '../../src/client/vectors.ts';
import { scorePair } from '../../src/scoring/scoring.ts';
import { seededRandom } from '../random.ts';

const WIDTH = 1024;
const random = seededRandom(7);
const vector = () => Float32Array.from({ length: WIDTH }, () => random() - 0.5);
const textOf = (tokens: number): Embedded => ({
  fingerprint: '',
  tokens,
  truncated: false,
  dense: vector(),
  lexicalWeights: new Map(Array.from({ length: 20 }, () => [Math.floor(50 * random()), Math.fround(random())])),
  colbert: Array.from({ length: tokens - 1 }, vector),
});

it('scoreAll gives the bits of the service, for short texts at once and for long ones in pieces', async () => {
  const texts = [textOf(9), textOf(130), textOf(2)];
  let matrix: ScoreMatrix = [];
  await scoreAll(
    texts,
    (scores) => {
      matrix = scores;
    },
    new AbortController().signal,
  );
  const scored = texts.map(({ dense, lexicalWeights, colbert }) => ({
    dense: dense!,
    lexicalWeights: lexicalWeights!,
    colbert: Float32Array.from(colbert!.flatMap((row) => [...row])),
  }));
  for (const [q, query] of scored.entries()) {
    for (const [p, passage] of scored.entries()) {
      const { dense, sparse, colbert } = scorePair(query, passage, WIDTH);
      expect(matrix[q]![p]).toEqual({ dense, sparse, colbert });
    }
  }
});

it('scoreAll ends where it is given up', async () => {
  const abort = new AbortController();
  const scoring = scoreAll([textOf(130), textOf(130)], () => {}, abort.signal);
  abort.abort();
  await expect(scoring).rejects.toThrow();
});
