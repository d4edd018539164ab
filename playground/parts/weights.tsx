import type { ModeWeights } from '../../src/scoring/scoring.ts';

const NAMES = ['Dense', 'Sparse', 'ColBERT'] as const;

export interface WeightsProps {
  readonly weights: ModeWeights;
  readonly onWeights: (weights: ModeWeights) => void;
}

/** What the hybrid is mixed of. */
export function Weights({ weights, onWeights }: WeightsProps) {
  const sum = weights.reduce((a, b) => a + b, 0);
  return (
    <fieldset class="weights">
      <legend>Weights of the hybrid</legend>
      {NAMES.map((name, index) => {
        const weight = weights[index]!;
        return (
          <label key={name}>
            <span>{name}</span>
            <input
              type="range"
              min={0}
              max={1}
              step={0.05}
              value={weight}
              aria-valuetext={`${weight}, ${sum > 0 ? Math.round((100 * weight) / sum) : 0} % of the hybrid`}
              onInput={(event) => {
                const moved = event.currentTarget.valueAsNumber;
                onWeights(weights.map((old, i) => (i === index ? moved : old)) as unknown as ModeWeights);
              }}
            />
            <output>{weight.toFixed(2)}</output>
          </label>
        );
      })}
      {sum === 0 && <p class="problem">All are 0; one must be above. The service refuses such weights.</p>}
    </fieldset>
  );
}
