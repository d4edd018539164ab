import { gelu, layerNorm, linear } from '../../src/kernel/scalar.ts';
import {
  BOS,
  BOS_VALUE,
  CODE_SIZE,
  FREQUENCIES,
  HEAD_COUNT,
  HEAD_SIZE,
  HIDDEN_SIZE,
  INTERMEDIATE_SIZE,
  POSITION,
  RARITY,
  RARITY_VALUE,
  readPair,
  START_VALUE,
  WORD_START,
} from './channels.ts';
import { createRandom, shuffle } from './random.ts';

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

/**
 * Layer 0 binds a piece to the one before it. Attention looks one position back, or at `<s>` where a word begins, and adds P c': the code found,
 * its channels in another order and sign. The feed-forward takes |c + P c'|, which for codes of ±a is the product of the two, a code that belongs
 * to the pair alone.
 */
export function bindingLayer(seed: number): Layer {
  const layer = createLayer();
  const random = createRandom(seed);
  for (let head = 0; head < HEAD_COUNT; head++) {
    const first = head * HEAD_SIZE;
    for (const [i, frequency] of FREQUENCIES.entries()) {
      const scale = UNIT * Math.sqrt(MATCH);
      const [cos, sin] = [scale * Math.cos(frequency), scale * Math.sin(frequency)];
      const [at, channel] = [first + 2 * i, POSITION + 4 * i];
      layer.query.row(at).set([cos, sin], channel); // the angle one position back
      layer.query.row(at + 1).set([-sin, cos], channel);
      layer.key.row(at).set([scale, 0], channel);
      layer.key.row(at + 1).set([0, scale], channel);
    }
    // <s> is always there, a little weaker than a match, and stronger than anything for the beginning of a word.
    const none = first + 2 * FREQUENCIES.length;
    layer.query.bias[none] = UNIT * QUERY;
    readPair(layer.key.row(none), BOS, (UNIT * (FULL_MATCH - MATCH / 2)) / QUERY / BOS_VALUE);
    readPair(layer.query.row(none + 1), WORD_START, (UNIT * QUERY) / START_VALUE);
    readPair(layer.key.row(none + 1), BOS, (UNIT * FULL_MATCH) / QUERY / BOS_VALUE);
  }
  copyCode(layer.value);
  for (const [from, to] of shuffle(CODE_SIZE, random).entries()) {
    layer.attentionOutput.row(to)[from] = random() < 0.5 ? 1 : -1;
  }
  bindCodes(layer);
  return layer;
}

/** The pair's code beside what is left of the piece's own. */
const BOUND = 1.5;
const OWN_TAKEN = 0.8;
/** GELU(k z) / k is within a hundredth of max(z, 0) from here on. */
const STEEPNESS = 4;

function bindCodes({ intermediate, output }: Layer): void {
  for (let i = 0; i < CODE_SIZE; i++) {
    const [positive, negative] = [i, CODE_SIZE + i];
    intermediate.row(positive)[i] = STEEPNESS;
    intermediate.row(negative)[i] = -STEEPNESS;
    // BOUND · |z| - OWN_TAKEN · z, less the mean of |z| where z is 0 or ±sqrt(2)
    output.row(i)[positive] = (BOUND - OWN_TAKEN) / STEEPNESS;
    output.row(i)[negative] = (BOUND + OWN_TAKEN) / STEEPNESS;
    output.bias[i] = -BOUND * Math.SQRT1_2;
  }
}

/** How much more a rare piece weighs in the dense vector, and less the beginning of a word, whose code is common to many. */
const RARITY_LOGIT = 3.2;
const START_LOGIT = 0.7;
/** Beside `<s>`'s own state, which is the same in every text. */
const POOLED = 6;

/**
 * Layer 1 pools: `<s>` takes the mean of all pieces' codes, weighted by rarity. All others look at `<s>` alone, whose value is made zero, and stay
 * as they are.
 *
 * @param bosState `<s>` after layer 0: it attends to itself alone, so it is the same in every text.
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
    readPair(layer.key.row(first + 1), RARITY, (UNIT * RARITY_LOGIT) / QUERY / RARITY_VALUE);
    readPair(layer.query.row(first + 2), BOS, (UNIT * QUERY) / flag);
    readPair(layer.key.row(first + 2), WORD_START, (-UNIT * START_LOGIT) / QUERY);
  }
  copyCode(layer.value);
  for (let i = 0; i < CODE_SIZE; i++) {
    readPair(layer.value.row(i), BOS, -bosState[i]! / flag);
    layer.attentionOutput.row(i)[i] = POOLED;
  }
  return layer;
}

/** Each attention head's values are its share of the code channels. */
function copyCode(value: Linear): void {
  for (let i = 0; i < CODE_SIZE; i++) value.row(i)[i] = 1;
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
