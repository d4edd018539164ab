import { gelu, layerNorm, linear } from '../../src/kernel/scalar.ts';
import {
  BOS,
  BOS_VALUE,
  BREAK,
  BREAK_VALUE,
  CODE_SIZE,
  FREQUENCIES,
  HEAD_COUNT,
  HEAD_SIZE,
  HIDDEN_SIZE,
  INTERMEDIATE_SIZE,
  LETTER_VALUE,
  LETTERS,
  NEIGHBOUR,
  OFFSETS,
  POSITION,
  readPair,
} from './channels.ts';
import { createRandom } from './random.ts';

/** A linear layer under construction: `row(n)` is the weights of output n. */
export interface Linear {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  row(n: number): Float32Array;
}

export interface Layer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attentionOutput: Linear;
  readonly intermediate: Linear;
  readonly output: Linear;
}

function createLinear(n: number, k: number): Linear {
  const weight = new Float32Array(n * k);
  return { weight, bias: new Float32Array(n), row: (at) => weight.subarray(at * k, (at + 1) * k) };
}

function createLayer(): Layer {
  const square = () => createLinear(HIDDEN_SIZE, HIDDEN_SIZE);
  return {
    query: square(),
    key: square(),
    value: square(),
    attentionOutput: square(),
    intermediate: createLinear(INTERMEDIATE_SIZE, HIDDEN_SIZE),
    output: createLinear(HIDDEN_SIZE, INTERMEDIATE_SIZE),
  };
}

/** What a query or key holds so that their product, over sqrt(headSize), is a product of plain numbers. */
const UNIT = HEAD_SIZE ** 0.25;
/** Logit of a matching position, a frequency. */
const MATCH = 10;
const FULL_MATCH = MATCH * FREQUENCIES.length;
/** Queries' size where a logit comes from one channel: large enough that 8 bits resolve it. */
const QUERY = 8;

/** Of a head's values, the first two are what the piece found holds in LETTERS and BREAK, the others a part of its code. */
const [FOUND_LETTERS, FOUND_BREAK, FOUND_CODE] = [0, 1, 2];
/** More than any piece has: taken from the letters of a piece that belongs to another word. */
const OTHER_WORD = 8 * LETTER_VALUE;

/**
 * Layer 0 looks at the neighbours, each attention head at one place, and takes two things from them.
 *
 * The piece before it, for a code that belongs to the pair: P c', the code found there, its channels in another order and sign, is added to the own
 * code c. The feed-forward takes |c + P c'|, which for codes of ±a is the product of the two.
 *
 * The letters of all of them that belong to the same word, for the length of the word. Letters of a piece behind a break become negative, and
 * the feed-forward drops them.
 */
export function neighbourLayer(seed: number): Layer {
  const layer = createLayer();
  for (const [head, offset] of OFFSETS.entries()) {
    const first = head * HEAD_SIZE;
    for (const [i, frequency] of FREQUENCIES.entries()) {
      const scale = UNIT * Math.sqrt(MATCH);
      const [cos, sin] = [scale * Math.cos(offset * frequency), scale * Math.sin(offset * frequency)];
      const [at, channel] = [first + 2 * i, POSITION + 4 * i];
      layer.query.row(at).set([cos, -sin], channel); // the angle at the offset
      layer.query.row(at + 1).set([sin, cos], channel);
      layer.key.row(at).set([scale, 0], channel);
      layer.key.row(at + 1).set([0, scale], channel);
    }
    // <s> is always there, a little weaker than a match: where there is no such place.
    const none = first + 2 * FREQUENCIES.length;
    layer.query.bias[none] = UNIT * QUERY;
    readPair(layer.key.row(none), BOS, (UNIT * (FULL_MATCH - MATCH / 2)) / QUERY / BOS_VALUE);
    readPair(layer.value.row(first + FOUND_LETTERS), LETTERS, 2);
    readPair(layer.value.row(first + FOUND_BREAK), BREAK, 2);
    for (let i = FOUND_CODE; i < HEAD_SIZE; i++) layer.value.row(first + i)[i - FOUND_CODE] = 1;
  }
  bindCodes(layer, createRandom(seed));
  for (const index of OFFSETS.keys()) addNeighbour(layer, index);
  return layer;
}

/** GELU(k z) / k is within a hundredth of max(z, 0) from here on. */
const STEEPNESS = 4;

function bindCodes({ attentionOutput, intermediate, output }: Layer, random: () => number): void {
  const before = OFFSETS.indexOf(-1) * HEAD_SIZE + FOUND_CODE;
  for (let i = 0; i < CODE_SIZE; i++) {
    const found = before + Math.floor(random() * (HEAD_SIZE - FOUND_CODE));
    attentionOutput.row(i)[found] = random() < 0.5 ? 1 : -1;
    // z + 2 max(-z, 0) = |z|, less its mean where z is 0 or ±sqrt(2)
    intermediate.row(i)[i] = -STEEPNESS;
    output.row(i)[i] = 2 / STEEPNESS;
    output.bias[i] = -Math.SQRT1_2;
  }
}

function addNeighbour({ attentionOutput, intermediate, output }: Layer, index: number): void {
  const offset = OFFSETS[index]!;
  const found = attentionOutput.row(NEIGHBOUR + index);
  for (const [head, between] of OFFSETS.entries()) {
    const isOnTheWay = Math.sign(between) === Math.sign(offset) && Math.abs(between) <= Math.abs(offset);
    if (isOnTheWay) found[head * HEAD_SIZE + FOUND_BREAK] = -OTHER_WORD / BREAK_VALUE / 2;
  }
  found[index * HEAD_SIZE + FOUND_LETTERS] = 1 / 2;
  const unit = CODE_SIZE + index;
  intermediate.row(unit)[NEIGHBOUR + index] = STEEPNESS;
  readPair(intermediate.row(unit), BREAK, (-STEEPNESS * OTHER_WORD) / BREAK_VALUE); // a break has no neighbours
  output.row(LETTERS)[unit] = 1 / STEEPNESS;
  output.row(LETTERS + 1)[unit] = -1 / STEEPNESS;
}

/** How much more a piece weighs in the dense vector, a letter of its word. */
const LETTER_LOGIT = 0.25;
/** So much larger than `<s>`'s own state, the same in every text, that nothing of it is seen. */
const POOLED = 40;

/**
 * Layer 1 pools: `<s>` takes the mean of all pieces' codes, weighted by the length of the word. All others look at `<s>` alone, whose value is made
 * zero, and stay as they are.
 *
 * @param bosState `<s>` after layer 0, which is nearly the same in every text.
 */
export function poolingLayer(bosState: Float32Array): Layer {
  const layer = createLayer();
  const flag = (bosState[BOS]! - bosState[BOS + 1]!) / 2;
  for (let head = 0; head < HEAD_COUNT; head++) {
    const first = head * HEAD_SIZE;
    layer.query.bias[first] = UNIT * QUERY;
    readPair(layer.query.row(first), BOS, (-2 * UNIT * QUERY) / flag);
    readPair(layer.key.row(first), BOS, (UNIT * 30) / QUERY / flag);
    readPair(layer.query.row(first + 1), BOS, (UNIT * QUERY) / flag);
    readPair(layer.key.row(first + 1), LETTERS, (UNIT * LETTER_LOGIT) / QUERY / LETTER_VALUE);
  }
  for (let i = 0; i < CODE_SIZE; i++) {
    layer.value.row(i)[i] = 1;
    readPair(layer.value.row(i), BOS, -bosState[i]! / flag);
    layer.attentionOutput.row(i)[i] = POOLED;
  }
  return layer;
}

/** A row's state after a layer in which it attends to itself alone. */
export function stateAlone(row: Float32Array, layer: Layer, epsilon: number): Float32Array {
  const one = new Float32Array(HIDDEN_SIZE).fill(1);
  const zero = new Float32Array(HIDDEN_SIZE);
  const through = (x: Float32Array, { weight, bias }: Linear) => linear(x, weight, bias, x.length);
  const addNorm = (x: Float32Array, delta: Float32Array) =>
    layerNorm(
      x.map((value, i) => value + delta[i]!),
      one,
      zero,
      epsilon,
    );
  const attended = addNorm(row, through(through(row, layer.value), layer.attentionOutput));
  return addNorm(attended, through(through(attended, layer.intermediate).map(gelu), layer.output));
}
