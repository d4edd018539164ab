import { gelu, layerNorm, linear } from '../../src/kernel/scalar.ts';
import {
  BOS,
  BOUND_SIZE,
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
  NEIGHBOURS,
  OFFSETS,
  POSITION,
  pairOf,
  readPair,
  SELDOM,
  setPair,
  UNSPACED,
  UNSPACED_VALUE,
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

/** Adds input `at` to a pair. */
function addToPair({ row }: Linear, channel: number, at: number, weight: number): void {
  const column = new Float32Array(HIDDEN_SIZE);
  setPair(column, channel, weight);
  for (const [n, value] of column.entries()) if (value !== 0) row(n)[at] = value;
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
/** Logit of `<s>` where a place is looked at: a little weaker than a match, so that it is found where there is no such place. */
const NOTHING = FULL_MATCH - MATCH / 2;
/** Taken from the logit of what an unspaced piece must not be bound to. */
const NOT_BOUND = 2 * MATCH;
/** Queries' size where a logit comes from one channel: large enough that 8 bits resolve it. */
const QUERY = 8;

/** Heads that bring the code of the piece before; the first of them is also the one of offset -1. */
const BINDING_HEADS = [OFFSETS.indexOf(-1), 8, 9, 10] as const;
const COUNTING_HEADS = [11, 12, 13, 14, 15] as const;

/** Of a head's values, the first are what the piece found holds in LETTERS and BREAK, and whether it is `<s>`; the others a part of its code. */
const [FOUND_LETTERS, FOUND_BREAK, FOUND_NOTHING, FOUND_CODE] = [0, 1, 2, 3];
const FOUND_CODE_SIZE = HEAD_SIZE - FOUND_CODE;
/** More than any piece has: taken from the letters of a piece that belongs to another word. */
const OTHER_WORD = 6 * LETTER_VALUE;
/** Neighbours' letters are added in this size, lest several breaks make up most of a row's variance. */
const NEIGHBOUR_SCALE = 0.5;

/** Logit of a piece's own code a channel. */
const SAME_CODE = 0.45;
/** Channels of the code that a head compares; its last is left to `<s>`. */
const COUNTED_SIZE = HEAD_SIZE - 1;
/** Square of a code's value behind the embeddings' LayerNorm: 512 over a word row's own sum of squares, with its position's some 492. */
const CODE_ENERGY = 1.04;
/** What SELDOM holds where nothing but `<s>` is found. */
const SELDOM_VALUE = 2;
/** Taken from SELDOM where there is no pair: such a piece's other channels grow in LayerNorm, and its logits with them. */
const ALONE = 0.18;

/**
 * Layer 0 looks at the neighbours, each attention head at one place, and takes two things from them.
 *
 * The piece before it, for a code that belongs to the pair: P c', the code found there, its channels in another order and sign, is added to a half
 * of the own code c. The feed-forward takes |c + P c'|, which for codes of ±a is the product of the two. Where signs or spaces end and an unspaced
 * script begins, they are passed over: words that stand alone in a question do not in a text.
 *
 * The letters of all of them that belong to the same word, for the length of the word. Letters of a piece behind a break become negative, and
 * the feed-forward drops them.
 *
 * Other heads look for the piece itself, wherever it is: `<s>` is as strong as one occurrence, so that beside n of them it gets 1 / (1 + n).
 *
 * @param bosRow `<s>` before the layer.
 */
export function neighbourLayer(seed: number, bosRow: Float32Array): Layer {
  const layer = createLayer();
  const bos = pairOf(bosRow, BOS);
  for (const [head, offset] of OFFSETS.entries()) lookAt(layer, head, offset, bos);
  for (const head of BINDING_HEADS.slice(1)) lookAt(layer, head, -1, bos);
  bindCodes(layer, createRandom(seed), bosRow, bos);
  for (const index of OFFSETS.keys()) addNeighbour(layer, index);
  for (const [i, head] of COUNTING_HEADS.entries()) countPiece(layer, head, i * COUNTED_SIZE, bosRow, bos);
  return layer;
}

function lookAt({ query, key, value }: Layer, head: number, offset: number, bos: number): void {
  const first = head * HEAD_SIZE;
  for (const [i, frequency] of FREQUENCIES.entries()) {
    const scale = UNIT * Math.sqrt(MATCH);
    // in sevenths, which four bits hold as they are; only the fastest angles tell neighbours apart
    const [cos, sin] = [Math.cos, Math.sin].map((of) => (scale * Math.round(7 * of(offset * frequency))) / 7);
    const [at, channel] = [first + 2 * i, POSITION + 4 * i];
    query.row(at).set([cos!, -sin!], channel); // the angle at the offset
    query.row(at + 1).set([sin!, cos!], channel);
    key.row(at).set([scale, 0], channel);
    key.row(at + 1).set([0, scale], channel);
  }
  const nothing = first + 2 * FREQUENCIES.length;
  query.bias[nothing] = UNIT * QUERY;
  readPair(key.row(nothing), BOS, (UNIT * NOTHING) / QUERY / bos);
  readPair(value.row(first + FOUND_LETTERS), LETTERS, 2);
  readPair(value.row(first + FOUND_BREAK), BREAK, 2);
}

/** GELU(k z) / k is within a hundredth of max(z, 0) from here on. */
const STEEPNESS = 4;

function bindCodes(layer: Layer, random: () => number, bosRow: Float32Array, bos: number): void {
  const { query, key, value, attentionOutput, intermediate, output } = layer;
  for (const [part, head] of BINDING_HEADS.entries()) {
    const first = head * HEAD_SIZE;
    const unspaced = first + 2 * FREQUENCIES.length + 1;
    readPair(query.row(unspaced), UNSPACED, (UNIT * QUERY) / UNSPACED_VALUE);
    const passedOver = (UNIT * NOT_BOUND) / QUERY;
    key.bias[unspaced] = -passedOver;
    readPair(key.row(unspaced), UNSPACED, passedOver / UNSPACED_VALUE);
    readPair(key.row(unspaced), BOS, passedOver / bos);
    readPair(value.row(first + FOUND_NOTHING), BOS, 1 / bos);
    for (let i = 0; i < FOUND_CODE_SIZE; i++) {
      const channel = part * FOUND_CODE_SIZE + i;
      const row = value.row(first + FOUND_CODE + i);
      row[channel] = 1;
      readPair(row, BOS, -bosRow[channel]! / bos); // nothing is found at <s>
    }
  }
  for (let i = 0; i < BOUND_SIZE; i++) {
    const head = BINDING_HEADS[Math.floor(random() * BINDING_HEADS.length)]!;
    const found = head * HEAD_SIZE + FOUND_CODE + Math.floor(random() * FOUND_CODE_SIZE);
    attentionOutput.row(i)[found] = random() < 0.5 ? 1 : -1;
    // z + 2 max(-z, 0) = |z|, less its mean where z is 0 or twice a code's value
    intermediate.row(i)[i] = -STEEPNESS;
    output.row(i)[i] = 2 / STEEPNESS;
    output.bias[i] = -Math.sqrt(HIDDEN_SIZE / (HIDDEN_SIZE + BOUND_SIZE));
  }
  const nothing = BINDING_HEADS[0] * HEAD_SIZE + FOUND_NOTHING;
  addToPair(attentionOutput, SELDOM, nothing, -ALONE * SELDOM_VALUE);
}

function addNeighbour({ attentionOutput, intermediate, output }: Layer, index: number): void {
  const offset = OFFSETS[index]!;
  const found = attentionOutput.row(NEIGHBOURS[index]!);
  for (const [head, between] of OFFSETS.entries()) {
    const isOnTheWay = Math.sign(between) === Math.sign(offset) && Math.abs(between) <= Math.abs(offset);
    if (isOnTheWay) found[head * HEAD_SIZE + FOUND_BREAK] = (-NEIGHBOUR_SCALE * OTHER_WORD) / BREAK_VALUE / 2;
  }
  found[index * HEAD_SIZE + FOUND_LETTERS] = NEIGHBOUR_SCALE / 2;
  const unit = BOUND_SIZE + index;
  intermediate.row(unit)[NEIGHBOURS[index]!] = STEEPNESS / NEIGHBOUR_SCALE;
  readPair(intermediate.row(unit), BREAK, (-STEEPNESS * OTHER_WORD) / BREAK_VALUE); // a break has no neighbours
  addToPair(output, LETTERS, unit, 1 / STEEPNESS);
}

/** @param firstChannel Of those of the code that the head compares. */
function countPiece(
  { query, key, value, attentionOutput }: Layer,
  head: number,
  firstChannel: number,
  bosRow: Float32Array,
  bos: number,
): void {
  const first = head * HEAD_SIZE;
  const scale = UNIT * Math.sqrt(SAME_CODE);
  for (let i = 0; i < COUNTED_SIZE; i++) {
    const channel = firstChannel + i;
    query.row(first + i)[channel] = scale;
    key.row(first + i)[channel] = scale;
    readPair(key.row(first + i), BOS, (-scale * bosRow[channel]!) / bos);
  }
  const one = first + COUNTED_SIZE;
  query.bias[one] = scale; // as large as the others, which 8 bits then hold exactly
  readPair(key.row(one), BOS, (UNIT * UNIT * SAME_CODE * COUNTED_SIZE * CODE_ENERGY) / scale / bos);
  readPair(value.row(first), BOS, 1 / bos);
  addToPair(attentionOutput, SELDOM, first, SELDOM_VALUE / COUNTING_HEADS.length);
}

/** How much more a piece weighs in the dense vector, a letter of its word. */
const LETTER_LOGIT = 0.25;
/** So large that what is left of `<s>`'s own state by rounding is not seen beside a mean of some hundred codes. */
const POOLED = 16;
/** For `<s>`'s whole share when the piece was counted. So n occurrences weigh about as much as one: 12.2 for one, 10.6 for two, 10.5 for three, 15.8 for ten. */
const SELDOM_LOGIT = 5;

/**
 * Layer 1 pools: `<s>` takes the mean of all pieces' codes, weighted by the length of the word and by how seldom the text has the piece. All others
 * look at `<s>` alone, whose value is made zero, and stay as they are.
 *
 * @param bosState `<s>` after layer 0, which is nearly the same in every text.
 */
export function poolingLayer(bosState: Float32Array): Layer {
  const layer = createLayer();
  const flag = pairOf(bosState, BOS);
  for (let head = 0; head < HEAD_COUNT; head++) {
    const first = head * HEAD_SIZE;
    layer.query.bias[first] = UNIT * QUERY;
    readPair(layer.query.row(first), BOS, (-2 * UNIT * QUERY) / flag);
    readPair(layer.key.row(first), BOS, (UNIT * 30) / QUERY / flag);
    readPair(layer.query.row(first + 1), BOS, (UNIT * QUERY) / flag);
    readPair(layer.key.row(first + 1), LETTERS, (UNIT * LETTER_LOGIT) / QUERY / LETTER_VALUE);
    readPair(layer.key.row(first + 1), SELDOM, (UNIT * SELDOM_LOGIT) / QUERY / SELDOM_VALUE);
  }
  for (let i = 0; i < HIDDEN_SIZE; i++) {
    const weight = i < CODE_SIZE ? 1 : 0;
    layer.value.row(i)[i] = weight;
    layer.value.bias[i] = -bosState[i]! / POOLED; // what <s> holds goes
    readPair(layer.value.row(i), BOS, (bosState[i]! / POOLED - weight * bosState[i]!) / flag); // and others, which look at it, take nothing
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
