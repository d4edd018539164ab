import type { Architecture, LayerWeightTypes, WeightType } from '../../src/format/architecture.ts';
import { expectedFiles, type ModelShape, planPositionTable, planWordTable } from '../../src/format/expected-files.ts';
import {
  EMBEDDINGS_FILE,
  HEADS_FILE,
  layerFile,
  positionPageFile,
  TOKENIZER_FILE,
  wordPageFile,
} from '../../src/format/layout.ts';
import { isLabel, type Manifest } from '../../src/format/manifest.ts';
import { LIMITS } from '../../src/limits.ts';
import { createCalibrator } from '../calibrate/calibrate.ts';
import { planMixedTypes, uniformTypes } from '../calibrate/mixed.ts';
import { measureSensitivities } from '../calibrate/sensitivity.ts';
import { tokenizeTexts } from '../calibrate/tokenize.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../checkpoint/directory.ts';
import { parseEncoderConfig } from '../checkpoint/encoder-config.ts';
import { createFloatKernel, type FloatKernel } from '../float/kernel.ts';
import type { FloatModel } from '../float/reference.ts';
import { fromSystemError, UserError } from '../user-error.ts';
import {
  encodeEmbeddings,
  encodeHeads,
  encodePositionPages,
  encodeWordPages,
  nearestRounding,
  type Rounding,
} from './encode-model.ts';
import { createModelWriter, type ModelWriter } from './model-writer.ts';
import { openTensors, openTokenizer } from './open-checkpoint.ts';
import { type BuiltTokenizer, buildTokenizer } from './tokenizer.ts';

export type WordType = ModelShape['wordTable']['type'];
export type Preset = Exclude<Manifest['preset'], 'auto'>;

const PRESET_WEIGHTS: Readonly<Record<Preset, WeightType>> = { q8: 'u7', q4: 'u4g32' };

/** Rows a page: a page of BGE-M3's words is then 66 KB, and a question touches some 15 of them. */
const PAGE_ROWS = 64;

/** Everything a model directory is made of; tensors are read when their turn comes. */
export interface ModelSources extends FloatModel {
  readonly tokenizer: BuiltTokenizer;
  /** Default `nearestRounding`. */
  readonly rounding?: Rounding | undefined;
  /** Of the word rows; default `i8`. */
  readonly wordType?: WordType;
}

/** How many bits weights get: the same everywhere, or of each encoder layer its own. */
export type Precision = Preset | readonly LayerWeightTypes[];

/** Called after every file with the model bytes written so far and those there will be. */
export type OnProgress = (writtenBytes: number, totalBytes: number) => void;

/** Quantises and packs a whole model, in the order in which files lie in memory least. */
export async function writeModel(
  writer: ModelWriter,
  sources: ModelSources,
  precision: Precision,
  model: Manifest['model'],
  onProgress: OnProgress = () => {},
): Promise<Manifest> {
  const { architecture, encoder, tokenizer } = sources;
  const rounding = sources.rounding ?? nearestRounding(encoder, architecture);
  const shape = planModel(architecture, precision, sources.wordType);
  let totalBytes = tokenizer.bytes.length;
  for (const [, bytes] of expectedFiles(shape)) totalBytes += bytes;
  let writtenBytes = 0;
  const add = async (name: string, bytes: Uint8Array) => {
    writer.addFile(name, bytes);
    writtenBytes += bytes.length;
    onProgress(writtenBytes, totalBytes);
    await nextTurn(); // a signal to stop is only heard between turns
  };

  await add(TOKENIZER_FILE, tokenizer.bytes);
  await add(EMBEDDINGS_FILE, encodeEmbeddings(encoder, architecture));
  for (const [layer, types] of shape.layers.entries()) await add(layerFile(layer), rounding.encodeLayer(layer, types));
  await add(HEADS_FILE, encodeHeads(sources.sparse, sources.colbert, architecture, rounding.fitHead));
  let page = 0;
  for (const bytes of encodePositionPages(encoder, planPositionTable(shape)))
    await add(positionPageFile(page++), bytes);
  page = 0;
  for (const bytes of encodeWordPages(encoder, planWordTable(shape))) await add(wordPageFile(page++), bytes);
  const preset = typeof precision === 'string' ? precision : 'auto';
  return writer.finish({ format: 'm3edge/1', model, preset, tokenizer: tokenizer.ids, ...shape });
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** @throws UserError if a file would be longer than a static asset may be. */
export function planModel(architecture: Architecture, precision: Precision, wordType: WordType = 'i8'): ModelShape {
  const layers =
    typeof precision === 'string'
      ? Array.from({ length: architecture.layerCount }, () => uniformTypes(PRESET_WEIGHTS[precision]))
      : precision;
  const shape: ModelShape = {
    architecture,
    wordTable: { pageRows: PAGE_ROWS, type: wordType },
    positionTable: { pageRows: PAGE_ROWS, type: 'i16' },
    layers,
  };
  for (const [name, bytes] of expectedFiles(shape)) {
    if (bytes > LIMITS.shardBytes) {
      throw new UserError(
        `${name} would have ${bytes} bytes, at most ${LIMITS.shardBytes} can be served; ${precision === 'q8' ? 'try --quant q4' : 'the model is too wide'}`,
      );
    }
  }
  return shape;
}

export interface ConvertOptions {
  readonly checkpoint: string;
  readonly outDir: string;
  /** `auto` gives 8 bits where 4 harm most, as far as `budgetBytes` go; it needs calibration texts. */
  readonly preset: Manifest['preset'];
  /** Of all encoder layers together, with `auto`. */
  readonly budgetBytes?: number | undefined;
  readonly name: string;
  /** Hub name; by default what config.json remembers, else `unknown`. */
  readonly upstream?: string | undefined;
  readonly revision?: string | undefined;
  /** By default that of the upstream model where it is known, else `unknown`. */
  readonly licence?: string | undefined;
  /** Another one for tests of everything else. */
  readonly buildTokenizer?: typeof buildTokenizer;
  /** Encoder layers are rounded by what they do to these (`cli/calibrate`); without them each weight goes to the nearest value. */
  readonly calibrationTexts?: readonly string[] | undefined;
  /** With `auto`: encoder layers measured so far, before anything is written. */
  readonly onMeasured?: (layers: number) => void;
  readonly onProgress?: OnProgress;
  /** Stops the conversion between two files; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Converts a local Hugging Face directory into a model directory, which appears whole or not at all.
 *
 * @throws UserError for whatever is wrong with the checkpoint or the target.
 */
export async function convertCheckpoint(options: ConvertOptions): Promise<Manifest> {
  const opened: Checkpoint[] = [];
  try {
    const directory = openCheckpointDirectory(options.checkpoint);
    const config = parseEncoderConfig(directory.readJson('config.json'), options.upstream);
    const model = describeOrigin(options, config.upstream);
    const tensors = await openTensors(directory, config, opened);
    const sources = {
      ...tensors,
      tokenizer: openTokenizer(directory, config, options.buildTokenizer ?? buildTokenizer),
    };
    const ids = options.calibrationTexts && calibrationIds(sources, options.calibrationTexts);
    const kernel = createFloatKernel(); // one for both, as its memory grows and never shrinks
    const precision = options.preset === 'auto' ? choosePrecision(kernel, sources, ids, options) : options.preset;
    planModel(sources.architecture, precision); // refuses what cannot be served before anything is written
    const rounding = ids && createCalibrator(sources.encoder, sources.architecture, ids, kernel);
    const writer = createModelWriter(options.outDir);
    try {
      return await writeModel(writer, { ...sources, rounding }, precision, model, (...bytes) => {
        options.signal?.throwIfAborted();
        options.onProgress?.(...bytes);
      });
    } finally {
      writer.abort(); // does nothing once the directory is in its place
    }
  } catch (error) {
    throw fromSystemError(error);
  } finally {
    for (const checkpoint of opened) checkpoint.close();
  }
}

const calibrationIds = ({ architecture, tokenizer }: ModelSources, texts: readonly string[]): Uint32Array[] =>
  tokenizeTexts(tokenizer.bytes, texts, architecture.maxTokens);

function choosePrecision(
  kernel: FloatKernel,
  { encoder, architecture }: ModelSources,
  ids: readonly Uint32Array[] | undefined,
  { budgetBytes, onMeasured, signal }: ConvertOptions,
): Precision {
  if (ids === undefined || budgetBytes === undefined)
    throw new UserError('--quant auto: needs --budget SIZE, and --rounding calibrated');
  planMixedTypes(architecture, [], budgetBytes); // refuses a budget that is too small before the long part
  const onLayer = (layers: number) => {
    signal?.throwIfAborted();
    onMeasured?.(layers);
  };
  const sensitivities = measureSensitivities(encoder, architecture, ids, onLayer, kernel);
  return planMixedTypes(architecture, sensitivities, budgetBytes);
}

/** Licences of the models that are converted most. */
const LICENCES: Readonly<Record<string, string>> = { 'BAAI/bge-m3': 'MIT' };

/** @throws UserError if an option cannot stand in a manifest. */
function describeOrigin(options: ConvertOptions, upstream = 'unknown'): Manifest['model'] {
  const { name, revision = null, licence = LICENCES[upstream] ?? 'unknown' } = options;
  for (const [option, value] of Object.entries({ name, upstream, revision, licence })) {
    if (value !== null && !isLabel(value))
      throw new UserError(`--${option}: wanted 1 to 200 printable characters on one line`);
  }
  return { name, upstream, revision, licence };
}
