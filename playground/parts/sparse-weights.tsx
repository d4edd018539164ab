import type { Embedded } from '../../src/client/vectors.ts';
import { lexicalScore } from '../../src/scoring/scoring.ts';
import { positionIn } from '../heat.ts';
import { printed } from '../scores.ts';
import { type SeenToken, sharedTokens } from '../tokens.ts';
import { pieceText, TokenStrip } from './token-strip.tsx';

/** A text of the pair that is looked into. */
export interface Side {
  readonly index: number;
  readonly text: string;
  readonly embedded: Embedded;
  readonly tokens: readonly SeenToken[];
}

export interface SidesProps {
  readonly query: Side;
  readonly passage: Side;
}

/** Products that add up to most of a score; the rest is summed up. */
const SHOWN_PRODUCTS = 8;

/** Which tokens weigh, and what those that both texts have make of the sparse score. */
export function SparseWeights({ query, passage }: SidesProps) {
  const [first, second] = [query.embedded.lexicalWeights!, passage.embedded.lexicalWeights!];
  const range = { low: 0, high: Math.max(...first.values(), ...second.values(), Number.EPSILON) };
  const shared = sharedTokens(query.embedded, passage.embedded, query.tokens);
  const isShared = ({ id }: SeenToken) => first.has(id) && second.has(id);
  const strip = (side: Side, weights: ReadonlyMap<number, number>) => (
    <TokenStrip
      label={`Sparse weights of text ${side.index + 1}`}
      tokens={side.tokens}
      heatOf={({ id, isCut }) => (isCut ? undefined : positionIn(range, weights.get(id) ?? 0))}
      describe={(token) => (token.isCut ? 'cut off' : `weight ${printed(weights.get(token.id) ?? 0)}`)}
      markOf={(token) => (isShared(token) && !token.isCut ? 'shared' : undefined)}
    />
  );
  const rest = shared.slice(SHOWN_PRODUCTS);
  return (
    <div class="inside-part">
      <h3>
        Sparse: which tokens weigh{' '}
        <span class="legend" aria-hidden="true">
          0 <i /> {range.high.toFixed(2)}
        </span>
      </h3>
      <p class="lead">Underlined: in both texts. The sparse score is the sum of the products of their weights.</p>
      <div class="beside">
        <div>
          <SideTitle side={query} name="Query" />
          {strip(query, first)}
          <SideTitle side={passage} name="Passage" />
          {strip(passage, second)}
        </div>
        {shared.length === 0 ? (
          <p>No token is in both texts: the sparse score is 0.</p>
        ) : (
          <table class="products">
            <thead>
              <tr>
                <th scope="col">Token</th>
                <th scope="col">Query</th>
                <th scope="col">Passage</th>
                <th scope="col">Product</th>
              </tr>
            </thead>
            <tbody>
              {shared.slice(0, SHOWN_PRODUCTS).map(({ id, text, queryWeight, passageWeight, product }) => (
                <tr key={id}>
                  <th scope="row">
                    <bdi>{pieceText({ text })}</bdi>
                  </th>
                  <td>{queryWeight.toFixed(4)}</td>
                  <td>{passageWeight.toFixed(4)}</td>
                  <td>{product.toFixed(4)}</td>
                </tr>
              ))}
              {rest.length > 0 && (
                <tr>
                  <th scope="row">{rest.length} more</th>
                  <td />
                  <td />
                  <td>{rest.reduce((sum, { product }) => sum + product, 0).toFixed(4)}</td>
                </tr>
              )}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row" colSpan={3}>
                  Sparse score
                </th>
                <td>{printed(lexicalScore(first, second))}</td>
              </tr>
            </tfoot>
          </table>
        )}
      </div>
    </div>
  );
}

export function SideTitle({ side: { index, tokens, embedded }, name }: { readonly side: Side; readonly name: string }) {
  const cut = tokens.filter(({ isCut }) => isCut).length;
  return (
    <h4>
      {name} <b>{index + 1}</b>
      <span class="count">
        {' · '}
        {embedded.tokens} tokens
        {embedded.truncated && `; ${cut} more were cut off`}
      </span>
    </h4>
  );
}
