import type { Embedder, Embedding, EmbedOptions } from '../embedder.ts';
import { type AnswerPlan, encodeLine } from './encode-answer.ts';

/**
 * `/encode` as server-sent events: `tokens` first, `layer` after each encoder layer, `embedding` as soon as a text is ready, then `done`, or
 * `error` with the body that a refused request would have had.
 *
 * @param texts As `embedEach`; what it would refuse is refused before the first event.
 */
export async function* encodeEvents(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
  plan: AnswerPlan,
  explain: (error: unknown) => unknown,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const { tokens, passes } = embedder.estimate(texts, options);
  yield event('tokens', { tokens, passes });
  const layers: string[] = [];
  let wake = () => {};
  const onLayer: EmbedOptions['onLayer'] = ({ waitMs, computeMs, ...progress }) => {
    layers.push(event('layer', { ...progress, wait_ms: round(waitMs), compute_ms: round(computeMs) }));
    wake();
  };
  const embeddings = embedder.embedEach(texts, { ...options, streamColbert: true, onLayer }, signal);
  try {
    for (let index = 0; ; index++) {
      let outcome: Outcome | undefined;
      embeddings.next().then(
        (result) => {
          outcome = { result };
          wake();
        },
        (error) => {
          outcome = { error };
          wake();
        },
      );
      while (layers.length > 0 || !outcome) {
        if (layers.length > 0) yield layers.shift()!;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      if ('error' in outcome) throw outcome.error;
      if (outcome.result.done) break;
      yield 'event: embedding\ndata: ';
      yield* encodeLine(index, outcome.result.value, plan, '\ndata: ');
      yield '\n';
    }
    yield event('done', {});
  } catch (error) {
    yield event('error', explain(error));
  } finally {
    await embeddings.return(undefined);
  }
}

type Outcome = { readonly result: IteratorResult<Embedding> } | { readonly error: unknown };

const round = (ms: number): number => Math.round(ms * 100) / 100;

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
