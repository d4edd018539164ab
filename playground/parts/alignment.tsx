import { useMemo, useState } from 'preact/hooks';
import { denseScore } from '../../src/scoring/scoring.ts';
import { positionIn, rangeOf } from '../heat.ts';
import { bestDot, printed } from '../scores.ts';
import type { SeenToken } from '../tokens.ts';
import { type Side, type SidesProps, SideTitle } from './sparse-weights.tsx';
import { pieceText, TokenStrip } from './token-strip.tsx';

/** What ColBERT compares: a token of the query with every token of the passage. */
export function Alignment({ query, passage }: SidesProps) {
  const [current, setCurrent] = useState(() => heaviest(query));
  const rows = passage.embedded.colbert!;
  /** Of each query token that has a row: its best match. */
  const best = useMemo(() => query.embedded.colbert!.map((row) => bestDot(row, rows)), [query, rows]);
  const token = query.tokens[current];
  const row = token?.row === undefined ? undefined : query.embedded.colbert![token.row];
  const similarities = useMemo(() => rows.map((other) => (row ? denseScore(row, other) : 0)), [rows, row]);

  const bestRow = row ? similarities.indexOf(Math.max(...similarities)) : -1;
  const range = rangeOf(row ? [...similarities, ...best] : best);
  const match = passage.tokens.find((other) => other.row === bestRow);
  const mean = best.length === 0 ? 0 : best.reduce((sum, value) => sum + value, 0) / best.length;
  const similarityOf = (other: SeenToken) => (row && other.row !== undefined ? similarities[other.row] : undefined);
  const bestOf = (own: SeenToken) => (own.row === undefined ? undefined : best[own.row]);
  const heat = (value: number | undefined) => (value === undefined ? undefined : positionIn(range, value));
  const absent = (other: SeenToken) => (other.isCut ? 'cut off' : 'has no vector');
  return (
    <div class="inside-part">
      <h3>
        ColBERT: which token finds which{' '}
        <span class="legend" aria-hidden="true">
          {range.low.toFixed(1)} <i /> {range.high.toFixed(1)}
        </span>
      </h3>
      <p class="lead">
        Point at a token of the query: the passage shows how close each of its tokens is, the closest framed. The
        ColBERT score is the mean over the query of the closest.
      </p>
      <SideTitle side={query} name="Query" />
      <TokenStrip
        label={`Tokens of the query, text ${query.index + 1}`}
        tokens={query.tokens}
        current={current}
        onPoint={setCurrent}
        heatOf={(own) => heat(bestOf(own))}
        describe={(own) => (bestOf(own) === undefined ? absent(own) : `closest ${printed(bestOf(own)!)}`)}
        markOf={(_, index) => (index === current ? 'current' : undefined)}
      />
      <p class="match" aria-live="polite">
        {token && row && match ? (
          <>
            <bdi>{pieceText(token)}</bdi> → <bdi>{pieceText(match)}</bdi>{' '}
            <b data-match>{printed(similarities[bestRow]!)}</b>
          </>
        ) : (
          token && (
            <>
              <bdi>{pieceText(token)}</bdi> {absent(token)}
            </>
          )
        )}
      </p>
      <SideTitle side={passage} name="Passage" />
      <TokenStrip
        label={`Tokens of the passage, text ${passage.index + 1}`}
        tokens={passage.tokens}
        heatOf={(other) => heat(similarityOf(other))}
        describe={(other) =>
          similarityOf(other) === undefined ? absent(other) : `similarity ${printed(similarityOf(other)!)}`
        }
        markOf={(other) => (row && other.row === bestRow ? 'best' : undefined)}
      />
      <p class="mean">
        ColBERT score <b data-mean>{printed(mean)}</b>, the mean of {best.length}
      </p>
    </div>
  );
}

/** A token that is worth looking at first. */
function heaviest({ tokens, embedded }: Side): number {
  const weightOf = ({ id, row }: SeenToken) => (row === undefined ? -1 : (embedded.lexicalWeights!.get(id) ?? 0));
  return tokens.reduce((best, token, index) => (weightOf(token) > weightOf(tokens[best]!) ? index : best), 0);
}
