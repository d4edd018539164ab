import type { Run } from '../run.ts';
import { seconds } from './editor.tsx';
import { LayerChart } from './layer-chart.tsx';
import { ModelFacts } from './model-facts.tsx';
import type { Info } from './use-info.ts';

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;

/** What the service did: its layers as they stream in, and what was spent. */
export function Watch({ run, info }: { readonly run: Run | undefined; readonly info: Info | undefined }) {
  const { layers = [], estimate, embedded = [], elapsedMs = 0 } = run ?? {};
  const fetched = layers.filter(({ resident }) => !resident);
  const bytes = fetched.reduce((sum, layer) => sum + layer.bytes, 0);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Tokens', estimate && String(estimate.tokens.reduce((sum, count) => sum + count, 0))],
    ['Passes', estimate && String(estimate.passes)],
    ['CPU, estimated', estimate && `${seconds(estimate.cpu_ms)}${estimate.fits ? '' : ', more than there is'}`],
    ['Answered after', embedded.length > 0 ? seconds(elapsedMs) : undefined],
    ['Layers fetched', layers.length > 0 ? `${fetched.length} of ${layers.length}` : undefined],
    ['Bytes fetched', layers.length > 0 ? megabytes(bytes) : undefined],
  ];
  return (
    <section aria-labelledby="watch">
      <h2 id="watch">Watch it run</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ?? '–'}</dd>
          </div>
        ))}
      </dl>
      <LayerChart layers={layers} passes={estimate?.passes ?? 1} />
      {info && <ModelFacts info={info} />}
    </section>
  );
}
