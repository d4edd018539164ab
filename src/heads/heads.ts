import type { EncodedPass } from '../engine/encoder.ts';
import type { Span } from '../engine/pass.ts';
import { ServiceError } from '../errors.ts';
import { planHeadsLayout } from '../format/layout.ts';
import type { Manifest } from '../format/manifest.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { lexicalWeights } from './lexical-weights.ts';

export type Pooling = 'cls' | 'mean';

/** One text's outputs from its last hidden state. Arrays are copies: they outlive the pass. */
export interface Heads {
  /** `[hidden]`: the `<s>` row, or the mean over all rows; a unit vector where it is to be normalised. */
  dense(encoded: EncodedPass, span: Span, pooling: Pooling, normalize: boolean): Float32Array;
  /** Token id → weight > 0, ids ascending. */
  sparse(encoded: EncodedPass, span: Span): Map<number, number>;
  /**
   * Unit rows `[tokens - 1, colbertSize]`, `<s>` left out, in blocks of whole rows; a block is only valid until the next is asked for.
   * Computed as they are asked for: the pass must still have the engine.
   */
  colbertBlocks(encoded: EncodedPass, span: Span): AsyncGenerator<Float32Array>;
  /** `[tokens, hidden]`. */
  hiddenState(encoded: EncodedPass, span: Span): Float32Array;
}

const F32 = 4;

/** @see FlagEmbedding `EncoderOnlyEmbedderM3Model`: `_dense_embedding`, `_sparse_embedding`, `_colbert_embedding`. */
export function createHeads(kernel: Kernel, { architecture, tokenizer }: Manifest): Heads {
  const { hiddenSize, colbertSize } = architecture;
  const layout = planHeadsLayout(architecture);
  const dropped = new Set([tokenizer.bos, tokenizer.pad, tokenizer.eos, tokenizer.unknown]);
  const floats = (address: number, count: number) => new Float32Array(kernel.memory.buffer, address, count);
  const rowAddress = ({ plan }: EncodedPass, row: number) => plan.hidden + F32 * hiddenSize * row;
  const requireFinite = (address: number, count: number, output: string): void => {
    if (!kernel.allFinite(address, count))
      throw new ServiceError('engine_numeric', `the ${output} output is not finite; run m3edge model verify`);
  };
  function* blocksOf(
    { plan }: EncodedPass,
    first: number,
    end: number,
  ): Generator<readonly [start: number, rows: number]> {
    for (let start = first; start < end; start += plan.blockRows) yield [start, Math.min(plan.blockRows, end - start)];
  }

  return {
    dense(encoded, span, pooling, normalize) {
      const out = encoded.plan.context;
      kernel.meanRows(rowAddress(encoded, span.start), pooling === 'cls' ? 1 : span.tokens, hiddenSize, out);
      if (normalize) kernel.unitRows(out, 1, hiddenSize);
      requireFinite(out, hiddenSize, 'dense');
      const dense = floats(out, hiddenSize).slice();
      if (dense.every((value) => value === 0))
        throw new ServiceError('engine_numeric', 'the dense output has no direction: all of it is zero');
      return dense;
    },
    sparse(encoded, span) {
      const weights = new Float32Array(span.tokens);
      const end = span.start + span.tokens;
      const bias = floats(encoded.plan.heads + layout.sparseBias, 1)[0]!;
      for (const [start, rows] of blocksOf(encoded, span.start, end)) {
        const out = encoded.plan.rowValues;
        kernel.rowDots(
          rowAddress(encoded, start),
          rows,
          hiddenSize,
          encoded.plan.heads + layout.sparseWeight,
          bias,
          out,
        );
        weights.set(floats(out, rows), start - span.start);
      }
      if (!weights.every(Number.isFinite))
        throw new ServiceError('engine_numeric', 'the sparse output is not finite; run m3edge model verify');
      return lexicalWeights(encoded.pass.ids.subarray(span.start, end), weights, dropped);
    },
    async *colbertBlocks(encoded, span) {
      const { heads, wide, panelScratch } = encoded.plan;
      const [weights, scale, bias] = [
        heads + layout.colbertWeights,
        heads + layout.colbertScale,
        heads + layout.colbertBias,
      ];
      for (const [start, rows] of blocksOf(encoded, span.start + 1, span.start + span.tokens)) {
        const x = rowAddress(encoded, start);
        kernel.gemmF32(rows, hiddenSize, colbertSize, x, weights, scale, bias, wide, panelScratch);
        kernel.unitRows(wide, rows, colbertSize);
        requireFinite(wide, rows * colbertSize, 'ColBERT');
        yield floats(wide, rows * colbertSize);
        await encoded.pace(FLOAT_COST * 2 * rows * hiddenSize * colbertSize);
      }
    },
    hiddenState: (encoded, span) => floats(rowAddress(encoded, span.start), span.tokens * hiddenSize).slice(),
  };
}

/** A multiplication in float32 takes about as long as four of the layers' 8-bit ones. */
const FLOAT_COST = 4;
