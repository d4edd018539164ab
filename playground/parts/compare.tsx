import { useMemo, useState } from 'preact/hooks';
import type { ModeWeights } from '../../src/scoring/scoring.ts';
import type { Run } from '../run.ts';
import { COLUMNS, MODE_NAMES, MODES, type ScoreMatrix, scoreOf } from '../scores.ts';
import type { Settings } from '../settings.ts';
import { HeatMap } from './heat-map.tsx';
import { ScoreTable } from './score-table.tsx';
import { Weights } from './weights.tsx';

export interface CompareProps {
  readonly run: Run | undefined;
  readonly matrix: ScoreMatrix;
  readonly weights: ModeWeights;
  readonly pair: Settings['pair'];
  readonly onWeights: (weights: ModeWeights) => void;
  readonly onPair: (pair: Settings['pair']) => void;
}

/** So many columns are wide enough where two maps share a narrow screen. */
const FEW_TEXTS = 5;

/** Every text as a query against every text as a passage, by each of M3's three outputs and by their mixture. */
export function Compare({ run, matrix, weights, pair, onWeights, onPair }: CompareProps) {
  const [pointed, setPointed] = useState<Settings['pair']>();
  const texts = run?.settings.texts ?? [];
  const [query, passage] = pointed && Math.max(...pointed) < texts.length ? pointed : pair;
  const scores = matrix[query]?.[passage];
  const table = useMemo(() => <ScoreTable matrix={matrix} weights={weights} />, [matrix, weights]);
  return (
    <section aria-labelledby="compare">
      <h2 id="compare">Compare</h2>
      <p class="lead">Rows are queries, columns passages. Choose a cell to look inside its pair.</p>
      <div class={texts.length > FEW_TEXTS ? 'maps' : 'maps few'} onMouseLeave={() => setPointed(undefined)}>
        {MODES.map((mode) => (
          <HeatMap
            key={mode}
            mode={mode}
            texts={texts}
            values={matrix.map((row) => row.map((cell) => cell && scoreOf(cell, mode, weights)))}
            chosen={pair}
            pointed={pointed}
            onPoint={setPointed}
            onChoose={onPair}
          />
        ))}
      </div>
      <div class="below-maps">
        <dl class="readout" aria-label={`Scores of query ${query + 1} and passage ${passage + 1}`}>
          <div class="of">
            <dt>
              <small>Query</small> <b>{query + 1}</b> <bdi>{texts[query]}</bdi>
            </dt>
            <dd>
              <small>Passage</small> <b>{passage + 1}</b> <bdi>{texts[passage]}</bdi>
            </dd>
          </div>
          {COLUMNS.map((column) => (
            <div key={column}>
              <dt>{MODE_NAMES[column]}</dt>
              <dd data-score={column}>{scores ? scoreOf(scores, column, weights) : '…'}</dd>
            </div>
          ))}
        </dl>
        <Weights weights={weights} onWeights={onWeights} />
      </div>
      {table}
    </section>
  );
}
