import { readFileSync } from 'node:fs';
import type { Architecture } from '../../src/format/architecture.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { layerNorm } from '../../src/kernel/scalar.ts';
import { type Checkpoint, rowLength } from '../checkpoint/checkpoint.ts';
import {
  EMBEDDINGS_NORM,
  layerTensor,
  POSITION_EMBEDDINGS,
  TOKEN_TYPE_EMBEDDINGS,
  WORD_EMBEDDINGS,
} from '../checkpoint/encoder-tensors.ts';
import { writeModel } from '../convert/convert.ts';
import { createModelWriter } from '../convert/model-writer.ts';
import { describeVocabulary } from '../convert/tokenizer.ts';
import { buildVocabularyOf } from '../tokenizer/build.ts';
import type { Pipeline } from '../tokenizer/pipeline.ts';
import { readSentencepiece } from '../tokenizer/sentencepiece.ts';
import {
  COLBERT_SIZE,
  HEAD_COUNT,
  HIDDEN_SIZE,
  INTERMEDIATE_SIZE,
  LETTER_VALUE,
  LETTERS,
  MAX_TOKENS,
  POSITION_OFFSET,
  readPair,
  SELDOM,
  UNSPACED,
  UNSPACED_VALUE,
} from './channels.ts';
import { type Layer, type Linear, neighbourLayer, poolingLayer, stateAlone } from './layers.ts';
import { positionRows, wordRows } from './rows.ts';
import { commonWords, demoPieces } from './vocabulary.ts';

const LAYER_NORM_EPSILON = 1e-5;
/** Of the permutations that bind codes: which ones are drawn moves a language's dense figure by a point or two. */
const SEED = 3;
/**
 * A lexical weight a letter, none for the first half of one: signs and spaces have none. A piece that the text has once gains another, one of an
 * unspaced script another still.
 */
const LEXICAL_SCALE = 0.05;
const NO_LETTERS = 0.5;

/**
 * Constructs the demo model: pieces whose codes are random, and layers that bind and average them. Nothing is trained, and the same bytes come out
 * every time.
 *
 * @throws UserError if `outDir` holds anything but a model.
 */
export async function writeDemo(outDir: string): Promise<Manifest> {
  const list = read('pieces.txt').toString();
  const pipeline = demoPipeline(list);
  const architecture: Architecture = {
    vocabularySize: pipeline.pieces.length,
    hiddenSize: HIDDEN_SIZE,
    intermediateSize: INTERMEDIATE_SIZE,
    layerCount: 2,
    headCount: HEAD_COUNT,
    positionCount: MAX_TOKENS + POSITION_OFFSET,
    positionOffset: POSITION_OFFSET,
    maxTokens: MAX_TOKENS,
    layerNormEpsilon: LAYER_NORM_EPSILON,
    colbertSize: COLBERT_SIZE,
  };
  const model = { name: 'demo', upstream: 'm3edge model demo', revision: null, licence: 'MIT', demo: true } as const;
  const writer = createModelWriter(outDir);
  try {
    const tokenizer = describeVocabulary(buildVocabularyOf(pipeline));
    return await writeModel(
      writer,
      { architecture, tokenizer, ...demoTensors(pipeline, commonWords(list)), wordType: 'i4' },
      'q4',
      model,
    );
  } catch (error) {
    writer.abort();
    throw error;
  }
}

const read = (name: string) => readFileSync(new URL(name, import.meta.url));

/** The demo's pieces between the special tokens, in the pipeline of a published vocabulary. */
function demoPipeline(list: string): Pipeline {
  const published = readSentencepiece(read('micro-spm.model'));
  const { pieces, special } = published;
  const own = [...pieces.slice(0, special.unknown + 1), ...demoPieces(list)];
  return { ...published, pieces: [...own, pieces[special.mask]!], special: { ...special, mask: own.length } };
}

type Tensors = Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

function demoTensors(
  pipeline: Pipeline,
  common: ReadonlySet<string>,
): { encoder: Checkpoint; sparse: Checkpoint; colbert: Checkpoint } {
  const encoder: Tensors = new Map();
  const ones = new Float32Array(HIDDEN_SIZE).fill(1);
  const zeros = new Float32Array(HIDDEN_SIZE);
  const addRows = (name: string, values: Float32Array) =>
    encoder.set(name, { shape: [values.length / HIDDEN_SIZE, HIDDEN_SIZE], values });
  const addNorm = (name: string) => {
    encoder.set(`${name}.weight`, { shape: [HIDDEN_SIZE], values: ones });
    encoder.set(`${name}.bias`, { shape: [HIDDEN_SIZE], values: zeros });
  };

  const words = wordRows(pipeline, common);
  const positions = positionRows();
  addRows(WORD_EMBEDDINGS, words);
  addRows(POSITION_EMBEDDINGS, positions);
  addRows(TOKEN_TYPE_EMBEDDINGS, zeros);
  addNorm(EMBEDDINGS_NORM);

  const { bos } = pipeline.special;
  const bosEmbedding = Float32Array.from({ length: HIDDEN_SIZE }, (_, i) => {
    return words[bos * HIDDEN_SIZE + i]! + positions[POSITION_OFFSET * HIDDEN_SIZE + i]!;
  });
  const bosRow = layerNorm(bosEmbedding, ones, zeros, LAYER_NORM_EPSILON);
  const neighbours = neighbourLayer(SEED, bosRow);
  const bosState = stateAlone(bosRow, neighbours, LAYER_NORM_EPSILON);
  for (const [index, layer] of [neighbours, poolingLayer(bosState)].entries()) addLayer(encoder, addNorm, index, layer);

  const sparse = new Float32Array(HIDDEN_SIZE);
  readPair(sparse, LETTERS, (2 * LEXICAL_SCALE) / LETTER_VALUE);
  readPair(sparse, UNSPACED, (2 * LEXICAL_SCALE) / UNSPACED_VALUE);
  readPair(sparse, SELDOM, 2 * LEXICAL_SCALE);
  const sparseBias = Float32Array.of(-NO_LETTERS * LEXICAL_SCALE);
  const colbert = new Float32Array(COLBERT_SIZE * HIDDEN_SIZE);
  for (let i = 0; i < COLBERT_SIZE; i++) colbert[i * HIDDEN_SIZE + i] = 1;
  return {
    encoder: checkpointOf(encoder),
    sparse: checkpointOf(headOf(sparse, sparseBias)),
    colbert: checkpointOf(headOf(colbert, new Float32Array(COLBERT_SIZE))),
  };
}

function addLayer(encoder: Tensors, addNorm: (name: string) => void, index: number, layer: Layer): void {
  const add = (part: string, { weight, bias }: Linear) => {
    const n = bias.length;
    encoder.set(`${layerTensor(index, part)}.weight`, { shape: [n, weight.length / n], values: weight });
    encoder.set(`${layerTensor(index, part)}.bias`, { shape: [n], values: bias });
  };
  add('attention.self.query', layer.query);
  add('attention.self.key', layer.key);
  add('attention.self.value', layer.value);
  add('attention.output.dense', layer.attentionOutput);
  addNorm(layerTensor(index, 'attention.output.LayerNorm'));
  add('intermediate.dense', layer.intermediate);
  add('output.dense', layer.output);
  addNorm(layerTensor(index, 'output.LayerNorm'));
}

const headOf = (weight: Float32Array, bias: Float32Array): Tensors =>
  new Map([
    ['weight', { shape: [bias.length, HIDDEN_SIZE], values: weight }],
    ['bias', { shape: [bias.length], values: bias }],
  ]);

function checkpointOf(tensors: Tensors): Checkpoint {
  return {
    name: 'demo',
    tensors: new Map([...tensors].map(([name, { shape }]) => [name, { type: 'F32', shape }])),
    readRows(name, startRow, rowCount, into) {
      const { shape, values } = tensors.get(name)!;
      const width = rowLength(shape);
      into.set(values.subarray(startRow * width, (startRow + rowCount) * width));
    },
    close() {},
  };
}
