import type { Info } from './use-info.ts';

/**
 * 1 - cosine to float32, as a share of what onnxruntime's own quantiser of that size loses, on the two test checkpoints: docs/quantisation.md and
 * `npm run check golden`. What a deployed model keeps, only `m3edge model fidelity` can say.
 */
const FIDELITY: Readonly<Record<string, string>> = {
  q8: "on the test checkpoints a third of the error of onnxruntime's int8",
  q4: "on the test checkpoints a fifth of the error of onnxruntime's 4 bits",
  auto: 'each linear layer in 8 or 4 bits, 8 where 4 harm most',
};

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
    ['Fidelity', FIDELITY[preset] ?? 'see m3edge model fidelity'],
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
