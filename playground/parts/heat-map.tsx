import { useRef } from 'preact/hooks';
import { heatProps, positionIn, rangeOf } from '../heat.ts';
import { MODE_NAMES, type Mode } from '../scores.ts';
import type { Settings } from '../settings.ts';

type Pair = Settings['pair'];

export interface HeatMapProps {
  readonly mode: Mode;
  readonly texts: readonly string[];
  /** `values[query][passage]`, as the service prints them. */
  readonly values: readonly (readonly (number | undefined)[])[];
  readonly chosen: Pair;
  /** Under the pointer or the keyboard's focus, in whichever map. */
  readonly pointed: Pair | undefined;
  readonly onPoint: (pair: Pair) => void;
  readonly onChoose: (pair: Pair) => void;
}

/** With more texts, cells are too small for figures. */
const MOST_WITH_FIGURES = 8;

const SELF = { class: 'self', style: {} };

const STEPS: Readonly<Record<string, Pair>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** One mode's scores: a table in which the arrow keys move. */
export function HeatMap({ mode, texts, values, chosen, pointed, onPoint, onChoose }: HeatMapProps) {
  const table = useRef<HTMLTableElement>(null);
  /** A text with itself is no part of the scale, unless there is nothing else: it would leave the others pale. */
  const isSelf = (row: number, column: number) => row === column && texts.length > 1;
  const range = rangeOf(
    values.flatMap((row, r) => row.filter((value, c) => value !== undefined && !isSelf(r, c)) as number[]),
  );
  const isAt = (pair: Pair | undefined, row: number, column: number) => pair?.[0] === row && pair[1] === column;
  const move = (event: KeyboardEvent, row: number, column: number) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onChoose([row, column]);
      return;
    }
    const step = STEPS[event.key];
    const cell = step && table.current?.rows[row + 1 + step[0]]?.cells[column + 1 + step[1]];
    if (!(cell instanceof HTMLTableCellElement) || cell.tagName !== 'TD') return;
    event.preventDefault();
    cell.focus();
  };
  const tabStop = pointed ?? chosen;
  return (
    <figure class="map">
      <figcaption>
        <h3>{MODE_NAMES[mode]}</h3>
        <span class="legend" aria-hidden="true">
          {range.low.toFixed(1)} <i /> {range.high.toFixed(1)}
        </span>
      </figcaption>
      <table
        ref={table}
        role="grid"
        aria-label={`${MODE_NAMES[mode]} scores`}
        class={values.length > MOST_WITH_FIGURES ? 'small' : undefined}
        data-mode={mode}
      >
        <thead>
          <tr>
            <td />
            {texts.map((text, column) => (
              <th key={column} scope="col" title={text} class={pointed?.[1] === column ? 'lit' : undefined}>
                {column + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {values.map((cells, row) => (
            <tr key={row}>
              <th scope="row" title={texts[row]} class={pointed?.[0] === row ? 'lit' : undefined}>
                {row + 1}
              </th>
              {cells.map((value, column) => {
                const { class: heat, style } = isSelf(row, column)
                  ? SELF
                  : heatProps(value === undefined ? 0 : positionIn(range, value));
                const marks = `${isAt(chosen, row, column) ? ' chosen' : ''}${isAt(pointed, row, column) ? ' pointed' : ''}`;
                return (
                  <td
                    key={column}
                    role="gridcell"
                    class={heat + marks}
                    style={style}
                    tabIndex={isAt(tabStop, row, column) ? 0 : -1}
                    aria-selected={isAt(chosen, row, column)}
                    onMouseEnter={() => onPoint([row, column])}
                    onFocus={() => onPoint([row, column])}
                    onClick={() => onChoose([row, column])}
                    onKeyDown={(event) => move(event, row, column)}
                  >
                    <span aria-hidden="true">{value === undefined ? '' : short(value)}</span>
                    <span class="unseen">{value}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** `.73`, `1.0`, `−.05`: two digits fit into a cell. */
function short(value: number): string {
  const text = value.toFixed(2);
  if (Math.abs(value) >= 0.995) return value.toFixed(1).replace('-', '−');
  return text.replace('-', '−').replace('0.', '.');
}
