import type { TimedLayer } from '../run.ts';
import { seconds } from './editor.tsx';
import { megabytes } from './watch.tsx';

/** Each layer's time as a bar: waiting for its weights, then computing. */
export function LayerChart({ layers }: { readonly layers: readonly TimedLayer[] }) {
  const longestMs = Math.max(1, ...layers.map(({ wait_ms, compute_ms }) => wait_ms + compute_ms));
  const width = (ms: number) => ({ width: `${((100 * ms) / longestMs).toFixed(2)}%` });
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
          {layers.map(({ pass, layer, of, resident, bytes, wait_ms, compute_ms, atMs }) => (
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
                <i class="wait" style={width(wait_ms)} />
                <i class="compute" style={width(compute_ms)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
