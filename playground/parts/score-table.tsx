import type { ModeWeights } from '../../src/scoring/scoring.ts';
import { COLUMNS, MODE_NAMES, type ScoreMatrix, scoreOf } from '../scores.ts';

/** Every figure as the service prints it. */
export function ScoreTable({ matrix, weights }: { readonly matrix: ScoreMatrix; readonly weights: ModeWeights }) {
  return (
    <details class="figures">
      <summary>All figures as a table</summary>
      <section class="scroll" tabIndex={0} aria-label="All scores">
        <table>
          <thead>
            <tr>
              <th scope="col">Query</th>
              <th scope="col">Passage</th>
              {COLUMNS.map((column) => (
                <th key={column} scope="col">
                  {MODE_NAMES[column]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.flatMap((row, query) =>
              row.map((scores, passage) => (
                <tr key={`${query} ${passage}`}>
                  <th scope="row">{query + 1}</th>
                  <td>{passage + 1}</td>
                  {COLUMNS.map((column) => (
                    <td key={column}>{scores && scoreOf(scores, column, weights)}</td>
                  ))}
                </tr>
              )),
            )}
          </tbody>
        </table>
      </section>
    </details>
  );
}
