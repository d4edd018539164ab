import { useMemo } from 'preact/hooks';
import type { Run } from '../run.ts';
import type { Settings } from '../settings.ts';
import { seenTokens } from '../tokens.ts';
import { Alignment } from './alignment.tsx';
import { PairChooser } from './pair-chooser.tsx';
import { SparseWeights } from './sparse-weights.tsx';

export interface LookInsideProps {
  readonly run: Run | undefined;
  readonly pair: Settings['pair'];
  readonly onPair: (pair: Settings['pair']) => void;
}

/** One pair, token by token. */
export function LookInside({ run, pair, onPair }: LookInsideProps) {
  const [query, passage] = pair;
  const sides = useMemo(() => {
    if (!run?.tokens) return undefined;
    const side = (index: number) => {
      const embedded = run.embedded[index]!;
      const tokens = seenTokens(run.tokens![index]!, embedded.tokens);
      return { index, embedded, tokens, text: run.settings.texts[index]! };
    };
    return [side(query), side(passage)] as const;
  }, [run, query, passage]);
  return (
    <section aria-labelledby="inside">
      <h2 id="inside">Look inside</h2>
      {sides && (
        <>
          <PairChooser texts={run!.settings.texts} pair={pair} onPair={onPair} />
          <SparseWeights query={sides[0]} passage={sides[1]} />
          <Alignment key={`${query} ${passage}`} query={sides[0]} passage={sides[1]} />
        </>
      )}
    </section>
  );
}
