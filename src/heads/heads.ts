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
  /** Unit vector `[hidden]` of the `<s>` row, or of the mean over all rows. */
  dense(encoded: EncodedPass, span: Span, pooling: Pooling): Float32Array;
  /** Token id → weight > 0, ids ascending. */
  sparse(encoded: EncodedPass, span: Span): Map<number, number>;
  /** Unit rows `[tokens - 1, colbertSize]`: `<s>` is left out. */
  colbert(encoded: EncodedPass, span: Span): Promise<Float32Array>;
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
    dense(encoded, span, pooling) {
      const out = encoded.plan.context;
      kernel.meanRows(rowAddress(encoded, span.start), pooling === 'cls' ? 1 : span.tokens, hiddenSize, out);
      kernel.unitRows(out, 1, hiddenSize);
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
    async colbert(encoded, span) {
      const rows = new Float32Array((span.tokens - 1) * colbertSize);
      const { heads, wide, panelScratch } = encoded.plan;
      const first = span.start + 1;
      for (const [start, count] of blocksOf(encoded, first, span.start + span.tokens)) {
        const [weights, scale, bias] = [
          heads + layout.colbertWeights,
          heads + layout.colbertScale,
          heads + layout.colbertBias,
        ];
        kernel.gemmF32(
          count,
          hiddenSize,
          colbertSize,
          rowAddress(encoded, start),
          weights,
          scale,
          bias,
          wide,
          panelScratch,
        );
        kernel.unitRows(wide, count, colbertSize);
        requireFinite(wide, count * colbertSize, 'ColBERT');
        rows.set(floats(wide, count * colbertSize), (start - first) * colbertSize);
        await encoded.pace(FLOAT_COST * 2 * count * hiddenSize * colbertSize);
      }
      return rows;
    },
    hiddenState: (encoded, span) => floats(rowAddress(encoded, span.start), span.tokens * hiddenSize).slice(),
  };
}

/** A multiplication in float32 takes about as long as four of the layers' 8-bit ones. */
const FLOAT_COST = 4;
