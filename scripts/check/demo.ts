import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMaxSims } from '../../cli/fidelity/late-interaction.ts';
import { createFloatKernel } from '../../cli/float/kernel.ts';
import type { Embedding } from '../../src/embedder.ts';
import { denseScore, lexicalScore } from '../../src/scoring/scoring.ts';
import { openModel } from '../../test/support/models.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const corpora = join(root, '../shared/data/corpora/xquad');
const LANGUAGES = ['ar', 'de', 'el', 'en', 'es', 'hi', 'ro', 'ru', 'th', 'tr', 'vi', 'zh'];
const RARE_WORDS = 5;
const WANTED_SHARE = 0.9;
const UNKNOWN_SHARE = 0.005;
const OUTPUTS = { dense: true, sparse: true, colbert: true, truncate: true };

/** The demo model on XQuAD: characters it does not know, and whether a paragraph's rarest words find it. */
export async function* check(): AsyncGenerator<Finding> {
  if (!existsSync(corpora)) {
    yield {
      claim: 'the demo finds a paragraph by its rarest words',
      figure: 'no ../shared/data/corpora/xquad',
      verdict: 'skipped',
    };
    return;
  }
  const embedder = await openModel(join(root, 'model-shards/demo'));
  const { colbertSize } = embedder.manifest.architecture;
  for (const language of LANGUAGES) {
    const paragraphs = readFileSync(join(corpora, `${language}.txt`), 'utf8')
      .split('\n')
      .filter(Boolean);
    const characters = paragraphs.reduce((sum, text) => sum + [...text].length, 0);
    const unknown = paragraphs.reduce((sum, text) => {
      return (
        sum + embedder.tokenizer.encode(text).ids.filter((id) => id === embedder.manifest.tokenizer.unknown).length
      );
    }, 0);
    yield {
      claim: `${language}: at most ${100 * UNKNOWN_SHARE} % of characters unknown`,
      figure: `${((100 * unknown) / characters).toFixed(2)} %`,
      verdict: unknown <= UNKNOWN_SHARE * characters ? 'ok' : 'short',
    };
    const passages = await embedder.embed(paragraphs, OUTPUTS);
    const queries = await embedder.embed(rareWordQueries(paragraphs, language), OUTPUTS);
    const kernel = createFloatKernel();
    const maxSims = createMaxSims(
      kernel,
      passages.map(({ colbert }) => colbert!),
      colbertSize,
    );
    const modes = {
      dense: (query: Embedding) => passages.map((passage) => denseScore(query.dense!, passage.dense!)),
      sparse: (query: Embedding) =>
        passages.map((passage) => lexicalScore(query.lexicalWeights!, passage.lexicalWeights!)),
      colbert: (query: Embedding) => maxSims(query.colbert!),
    };
    const shares = Object.entries(modes).map(([mode, scores]) => [mode, shareAtRankOne(queries.map(scores))] as const);
    yield {
      claim: `${language}: five rarest words find their paragraph at rank 1 in ${100 * WANTED_SHARE} %, in each mode`,
      figure: shares.map(([mode, share]) => `${mode} ${(100 * share).toFixed(1)} %`).join(', '),
      verdict: shares.every(([, share]) => share >= WANTED_SHARE) ? 'ok' : 'short',
    };
  }
}

/** Each paragraph's five words that the fewest paragraphs have, longer ones first. */
function rareWordQueries(paragraphs: readonly string[], language: string): string[] {
  const segmenter = new Intl.Segmenter(language, { granularity: 'word' });
  const words = paragraphs.map((text) => {
    return new Set([...segmenter.segment(text)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment));
  });
  const paragraphsWith = new Map<string, number>();
  for (const set of words) for (const word of set) paragraphsWith.set(word, (paragraphsWith.get(word) ?? 0) + 1);
  return words.map((set) =>
    [...set]
      .sort((a, b) => paragraphsWith.get(a)! - paragraphsWith.get(b)! || b.length - a.length || (a < b ? -1 : 1))
      .slice(0, RARE_WORDS)
      .join(' '),
  );
}

/** @param scores Of each query with each passage; query i asks for passage i. A tie is not rank 1. */
function shareAtRankOne(scores: readonly (readonly number[])[]): number {
  const found = scores.filter((row, own) => row.every((score, other) => other === own || score < row[own]!));
  return found.length / scores.length;
}
