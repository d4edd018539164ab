import type { Info } from './use-info.ts';

/** As model-shards/README.md describes them. */
const WEIGHTS: Readonly<Record<string, string>> = { u7: '7-bit integers', u4g32: '4-bit integers in groups of 32' };

/** What answers. */
export function ModelFacts({ info }: { readonly info: Info }) {
  const { served_model_name, model_id, model_sha, licence, fingerprint, quantisation, engine, dimensions, demo } = info;
  const { preset, layers } = quantisation;
  const types = layers.flatMap((layer) => Object.values(layer));
  const counts = [...new Set(types)].map((type) => {
    const share = types.filter((other) => other === type).length;
    return `${share === types.length ? 'all' : `${share} of ${types.length}`} ${WEIGHTS[String(type)] ?? type}`;
  });
  const facts: readonly (readonly [string, string])[] = [
    ['Model', demo ? `${served_model_name}: constructed, not trained` : served_model_name],
    ['Made from', model_sha ? `${model_id}, ${model_sha}` : model_id],
    ['Licence', licence],
    ['Fingerprint', fingerprint],
    ['Quantisation', `${preset}: ${layers.length} layers, weights ${counts.join(', ')}`],
    ['Fidelity', fidelityText(info)],
    ['Dimensions', `dense ${dimensions.dense}, ColBERT ${dimensions.colbert}, sparse ${dimensions.sparse}`],
    ['Engine', `${engine.name}, ${engine.dot} dot product`],
  ];
  return (
    <dl class="model">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** In short: what is lost of float32's dense vectors and ColBERT rows. */
function fidelityText({ demo, fidelity }: Info): string {
  if (demo) return 'constructed as it is: there is no float32 model to be compared with';
  if (!fidelity) return 'not measured; m3edge model fidelity DIR does it';
  const { texts, dense, colbert } = fidelity;
  const loss = ({ mean, worst }: { mean: number; worst: number }) =>
    `${mean.toPrecision(2)}, at worst ${worst.toPrecision(2)}`;
  return `1 − cosine to float32 over ${texts} texts: dense ${loss(dense)}; ColBERT ${loss(colbert)}`;
}
