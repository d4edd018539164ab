import type { Architecture } from '../format/architecture.ts';
import { type LayerLayout, type LinearLayout, PANEL_COLUMNS, weightBytes } from '../format/layout.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { type Pass, type Segment, segmentsOf } from './pass.ts';

const WEIGHT_TYPE_CODE = { u7: 0, u4g32: 1 } as const;
const F32 = 4;

/**
 * Called after each piece of work with its multiplications and additions, so that arriving shards are taken in.
 *
 * @throws ServiceError where the pass has lost the engine.
 */
export type Pace = (operations: number) => Promise<void> | undefined;

/** What one pass of the encoder layers works with. */
export interface LayerContext {
  readonly kernel: Kernel;
  readonly architecture: Architecture;
  readonly plan: MemoryPlan;
  readonly pass: Pass;
  readonly pace: Pace;
}

/** Replaces the pass's hidden state by the output of one encoder layer, whose shard lies at `address`. */
export async function runEncoderLayer(context: LayerContext, layout: LayerLayout, address: number): Promise<void> {
  // Keys and values of every token come first, as each query looks at all of its text; then each block goes through the layer at once.
  for (const block of blocksOf(context)) await storeBlock(context, layout, address, block);
  for (const block of blocksOf(context)) await computeBlock(context, layout, address, block);
}

interface Block {
  /** First token of the pass. */
  readonly start: number;
  readonly rows: number;
  /** f32 [rows, hidden] */
  readonly hidden: number;
  readonly segments: readonly Segment[];
}

function* blocksOf({ plan, pass, architecture }: LayerContext): Generator<Block> {
  for (let start = 0; start < pass.ids.length; start += plan.blockRows) {
    const rows = Math.min(plan.blockRows, pass.ids.length - start);
    yield {
      start,
      rows,
      hidden: plan.hidden + F32 * architecture.hiddenSize * start,
      segments: segmentsOf(pass, start, rows),
    };
  }
}

async function storeBlock(context: LayerContext, layout: LayerLayout, address: number, block: Block): Promise<void> {
  const { kernel, plan, pace } = context;
  const { hiddenSize, headCount } = context.architecture;
  quantize(context, block.hidden, block.rows, hiddenSize);
  await pace(linear(context, layout.qkv, address, block.rows, plan.wide, hiddenSize, 2 * hiddenSize));
  for (const { span, row, rows, position } of block.segments) {
    const { keys, values, scales } = keyStore(context, span.capacityStart);
    const stride = F32 * 2 * hiddenSize;
    const headSize = hiddenSize / headCount;
    kernel.storeKeysValues(
      plan.wide + row * stride,
      stride,
      rows,
      position,
      headCount,
      headSize,
      span.capacity,
      keys,
      values,
      scales,
    );
  }
}

async function computeBlock(context: LayerContext, layout: LayerLayout, address: number, block: Block): Promise<void> {
  const { kernel, plan, pace } = context;
  const { hiddenSize, intermediateSize } = context.architecture;
  // A pass of one block still has it quantised for its keys and values.
  if (block.rows < context.pass.ids.length) quantize(context, block.hidden, block.rows, hiddenSize);
  await pace(linear(context, layout.qkv, address, block.rows, plan.wide, 0, hiddenSize));
  for (const segment of block.segments) await attend(context, segment);
  quantize(context, plan.context, block.rows, hiddenSize);
  await pace(linear(context, layout.attentionOutput, address, block.rows, plan.wide));
  addNorm(context, block, plan.wide, address + layout.attentionNorm.weight, address + layout.attentionNorm.bias);
  quantize(context, block.hidden, block.rows, hiddenSize);
  await pace(linear(context, layout.intermediate, address, block.rows, plan.wide));
  kernel.gelu(plan.wide, block.rows * intermediateSize);
  quantize(context, plan.wide, block.rows, intermediateSize);
  await pace(linear(context, layout.output, address, block.rows, plan.context));
  addNorm(context, block, plan.context, address + layout.outputNorm.weight, address + layout.outputNorm.bias);
}

/** Attention of a segment's queries (in `wide`) over the whole of its text, into `context`. */
async function attend(context: LayerContext, { span, row, rows }: Segment): Promise<void> {
  const { kernel, plan, pace } = context;
  const { hiddenSize, headCount } = context.architecture;
  const { keys, values, scales } = keyStore(context, span.capacityStart);
  const headSize = hiddenSize / headCount;
  const stride = F32 * hiddenSize;
  const operations = 4 * rows * span.tokens * headSize;
  // Few heads at a time where the text is long, so that no call lasts longer than a linear layer's.
  const headsPerCall = Math.max(1, Math.floor(ATTENTION_CALL_OPERATIONS / operations));
  for (let head = 0; head < headCount; head += headsPerCall) {
    const end = Math.min(headCount, head + headsPerCall);
    kernel.attention(
      plan.wide + row * stride,
      stride,
      rows,
      head,
      end,
      headCount,
      headSize,
      span.tokens,
      span.capacity,
      keys,
      values,
      scales,
      plan.context + row * stride,
      plan.attentionScratch,
    );
    await pace(operations * (end - head));
  }
}

/** About 5 ms on the slowest CPU measured (bench/README.md). */
const ATTENTION_CALL_OPERATIONS = 2 ** 28;

/** Where a text's keys and values begin: the texts before it take their capacity. */
function keyStore({ plan, architecture }: LayerContext, capacityStart: number) {
  const { hiddenSize, headCount } = architecture;
  return {
    keys: plan.keys + capacityStart * hiddenSize,
    values: plan.values + capacityStart * hiddenSize,
    scales: plan.keyScales + 3 * F32 * headCount * capacityStart,
  };
}

function quantize({ kernel, plan }: LayerContext, x: number, rows: number, width: number): void {
  kernel.quantizeRows(x, F32 * width, rows, width, plan.activations, plan.rowScales);
}

function addNorm(
  { kernel, architecture }: LayerContext,
  block: Block,
  delta: number,
  weight: number,
  bias: number,
): void {
  kernel.addLayerNorm(
    block.hidden,
    delta,
    block.rows,
    architecture.hiddenSize,
    weight,
    bias,
    architecture.layerNormEpsilon,
  );
}

/**
 * The quantised activations through some of a linear layer's output features.
 *
 * @param out f32 [rows rounded up to 4, columns], dense.
 * @returns Operations done.
 */
function linear(
  { kernel, plan }: LayerContext,
  layout: LinearLayout,
  address: number,
  rows: number,
  out: number,
  firstColumn = 0,
  columns = layout.n,
): number {
  kernel.gemm(
    Math.ceil(rows / 4),
    layout.k,
    columns / PANEL_COLUMNS,
    WEIGHT_TYPE_CODE[layout.type],
    plan.activations,
    plan.rowScales,
    address + layout.weights + weightBytes(layout.type, firstColumn, layout.k),
    address + layout.scale + F32 * firstColumn,
    address + layout.columnSum + F32 * firstColumn,
    address + layout.bias + F32 * firstColumn,
    out,
    F32 * columns,
    plan.panelScratch,
  );
  return 2 * rows * layout.k * columns;
}
