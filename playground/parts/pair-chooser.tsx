import type { Settings } from '../settings.ts';

export interface PairChooserProps {
  readonly texts: readonly string[];
  readonly pair: Settings['pair'];
  readonly onPair: (pair: Settings['pair']) => void;
}

/** In a list, a text's beginning is enough. */
const SHOWN_UNITS = 60;

/** The pair that is looked into, for those who do not use the heat maps. */
export function PairChooser({ texts, pair, onPair }: PairChooserProps) {
  const chooser = (side: 0 | 1, name: string) => (
    <label>
      {name}
      <select
        value={pair[side]}
        onChange={(event) => {
          const index = Number(event.currentTarget.value);
          onPair(side === 0 ? [index, pair[1]] : [pair[0], index]);
        }}
      >
        {texts.map((text, index) => (
          <option key={index} value={index} dir="auto">
            {index + 1} {text.length > SHOWN_UNITS ? `${[...text.slice(0, SHOWN_UNITS)].join('')}…` : text}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="pair">
      {chooser(0, 'Query')}
      {chooser(1, 'Passage')}
    </div>
  );
}
