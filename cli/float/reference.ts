import type { Architecture, LinearName } from '../../src/format/architecture.ts';
import { LINEAR_NAMES } from '../../src/format/architecture.ts';
import { lexicalWeights } from '../../src/heads/lexical-weights.ts';
import type { ScoredText } from '../../src/scoring/scoring.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { readFiniteRows } from '../convert/encode-model.ts';
import { type Rows, rowsOf } from './attention.ts';
import { runEncoderLayer } from './encoder-layer.ts';
import { createFloatKernel, type FloatKernel, type Matrix } from './kernel.ts';
import { addProduct, fillRows, part } from './multiply.ts';
import { embed, readLayerNorms, readLinear } from './tensors.ts';

/** A checkpoint as it is, its tensors in the shapes of `architecture`. */
export interface FloatModel {
  readonly architecture: Architecture;
  /** Names as in `encoderTensors`. */
  readonly encoder: Checkpoint;
  /** `weight` [1, hidden] and `bias` [1]. */
  readonly sparse: Checkpoint;
  /** `weight` [colbertSize, hidden] and `bias` [colbertSize]. */
  readonly colbert: Checkpoint;
}

/** Rows of texts that pass through a layer together. */
const ROWS = 2048;

/**
 * A checkpoint's own outputs in float32: all texts through one layer after another, so that each weight is read once.
 *
 * @param ids Of each text, `<s>` and `</s>` included.
 * @param dropped Ids without lexical weight.
 * @param onLayer Called after each layer with the number of those done.
 */
export function encodeInFloat(
  model: FloatModel,
  ids: readonly Uint32Array[],
  dropped: ReadonlySet<number>,
  onLayer: (done: number) => void = () => {},
): ScoredText[] {
  const { architecture, encoder } = model;
  const { hiddenSize, layerCount } = architecture;
  const kernel = createFloatKernel();
  const texts = rowsOf(ids);
  const hidden = kernel.matrix(
    ids.reduce((sum, { length }) => sum + length, 0),
    hiddenSize,
  );
  embed(kernel, encoder, architecture, ids, texts, hidden);
  for (let layer = 0; layer < layerCount; layer++) {
    kernel.scope(() => {
      const norms = readLayerNorms(kernel, encoder, architecture, layer);
      const linears = Object.fromEntries(
        LINEAR_NAMES.map((name) => [name, readLinear(kernel, encoder, architecture, layer, name)]),
      ) as Record<LinearName, ReturnType<typeof readLinear>>;
      for (const { start, count, inside } of groupsOf(texts)) {
        runEncoderLayer(kernel, architecture, norms, inside, part(hidden, start, count), (name, input, output) => {
          fillRows(kernel, output, kernel.values(linears[name].bias));
          addProduct(kernel, input, linears[name].weight, output);
        });
      }
    });
    onLayer(layer + 1);
  }
  const heads = readHeads(kernel, model);
  return texts.map(({ start, count }, i) =>
    kernel.scope(() => outputsOf(kernel, heads, ids[i]!, part(hidden, start, count), dropped)),
  );
}

/** Texts that follow one another, up to 2,048 rows of them or one that is longer. @returns Their rows, counted from the group's first in `inside`. */
function* groupsOf(texts: readonly Rows[]): Generator<Rows & { readonly inside: readonly Rows[] }> {
  for (let first = 0; first < texts.length; ) {
    const { start } = texts[first]!;
    let end = first + 1;
    while (end < texts.length && texts[end]!.start + texts[end]!.count - start <= ROWS) end++;
    const inside = texts.slice(first, end).map((text) => ({ start: text.start - start, count: text.count }));
    const last = inside.at(-1)!;
    yield { start, count: last.start + last.count, inside };
    first = end;
  }
}

interface Heads {
  readonly sparseWeight: Matrix;
  readonly sparseBias: number;
  readonly colbertWeight: Matrix;
  readonly colbertBias: Matrix;
}

function readHeads(kernel: FloatKernel, { architecture, sparse, colbert }: FloatModel): Heads {
  const { hiddenSize, colbertSize } = architecture;
  const read = (checkpoint: Checkpoint, name: string, count: number, rows: number, columns: number): Matrix => {
    const matrix = kernel.matrix(rows, columns);
    readFiniteRows(checkpoint, name, 0, count, kernel.values(matrix));
    return matrix;
  };
  return {
    sparseWeight: read(sparse, 'weight', 1, 1, hiddenSize),
    sparseBias: kernel.values(read(sparse, 'bias', 1, 1, 1))[0]!,
    colbertWeight: read(colbert, 'weight', colbertSize, colbertSize, hiddenSize),
    colbertBias: read(colbert, 'bias', colbertSize, 1, colbertSize),
  };
}

function outputsOf(
  kernel: FloatKernel,
  { sparseWeight, sparseBias, colbertWeight, colbertBias }: Heads,
  ids: Uint32Array,
  hidden: Matrix,
  dropped: ReadonlySet<number>,
): ScoredText {
  const { rows, columns } = hidden;
  const weights = kernel.matrix(1, rows);
  kernel.rowDots(hidden.address, rows, columns, sparseWeight.address, sparseBias, weights.address);
  const multi = kernel.matrix(rows - 1, colbertWeight.rows);
  fillRows(kernel, multi, kernel.values(colbertBias));
  addProduct(kernel, part(hidden, 1, rows - 1), colbertWeight, multi);
  kernel.unitRows(multi.address, multi.rows, multi.columns);
  const dense = kernel.matrix(1, columns);
  kernel.values(dense).set(kernel.values(part(hidden, 0, 1)));
  kernel.unitRows(dense.address, 1, columns);
  return {
    dense: kernel.values(dense).slice(),
    lexicalWeights: lexicalWeights(ids, kernel.values(weights), dropped),
    colbert: kernel.values(multi).slice(),
  };
}
