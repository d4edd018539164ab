import type { TimedLayer } from '../run.ts';
import { seconds } from './editor.tsx';
import { megabytes } from './watch.tsx';

export interface LayerChartProps {
  readonly layers: readonly TimedLayer[];
  readonly passes: number;
}

/** Each layer's time as a bar that begins where the one before ends: waiting for its weights, then computing. */
export function LayerChart({ layers, passes }: LayerChartProps) {
  const takenMs = layers.map(({ wait_ms, compute_ms }) => wait_ms + compute_ms);
  const startMs = takenMs.map((_, index) => sum(takenMs.slice(0, index)));
  // While it runs, the layers to come are taken to be like those before, so that the bars stay about where they are.
  const count = Math.max(layers.length, passes * (layers[0]?.of ?? 0));
  const wholeMs = Math.max(1, (sum(takenMs) * count) / layers.length);
  const percent = (ms: number) => `${((100 * ms) / wholeMs).toFixed(2)}%`;
  return (
    <section class="scroll layers" tabIndex={0} aria-label="Encoder layers">
      <table>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col">Weights</th>
            <th scope="col">Size</th>
            <th scope="col">Waited</th>
            <th scope="col">Computed</th>
            <th scope="col">Seen after</th>
            <td class="bar-column">
              <span class="key" aria-hidden="true">
                <i class="wait" /> waited <i class="compute" /> computed
              </span>
            </td>
          </tr>
        </thead>
        <tbody>
          {layers.map(({ pass, layer, of, resident, bytes, wait_ms, compute_ms, atMs }, index) => (
            <tr key={`${pass} ${layer}`} class={layer === of - 1 ? 'last' : undefined}>
              <th scope="row">
                {layers.at(-1)!.pass > 0 && `${pass + 1}·`}
                {layer + 1}
              </th>
              <td class={resident ? 'resident' : 'fetched'}>{resident ? 'resident' : 'fetched'}</td>
              <td>{megabytes(bytes)}</td>
              <td>{seconds(wait_ms)}</td>
              <td>{seconds(compute_ms)}</td>
              <td>{seconds(atMs)}</td>
              <td class="bar-column" aria-hidden="true">
                <i class="wait" style={{ marginLeft: percent(startMs[index]!), width: percent(wait_ms) }} />
                <i class="compute" style={{ width: percent(compute_ms) }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
