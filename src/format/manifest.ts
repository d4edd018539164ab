import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import {
  type Architecture,
  type LayerWeightTypes,
  LINEAR_NAMES,
  type LinearName,
  type WeightType,
} from './architecture.ts';
import { expectedFiles, type ModelShape, planPositionTable, planWordTable } from './expected-files.ts';
import { MANIFEST_FILE, PANEL_COLUMNS, type RowType, TOKENIZER_FILE } from './layout.ts';

export interface FileEntry {
  readonly bytes: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** `manifest.json`: described in model-shards/README.md. */
export interface Manifest extends ModelShape {
  readonly format: 'm3edge/1';
  readonly model: {
    readonly name: string;
    readonly upstream: string;
    readonly revision: string | null;
    readonly licence: string;
    /** Constructed, not trained: it knows words, not meaning. Absent elsewhere. */
    readonly demo?: true;
  };
  /** `auto`: of each linear layer its own, as `layers` says. */
  readonly preset: 'q8' | 'q4' | 'auto';
  readonly tokenizer: { readonly bos: number; readonly pad: number; readonly eos: number; readonly unknown: number };
  /** Where it has been measured. No part of the fingerprint. */
  readonly fidelity?: FidelitySummary;
  readonly files: Readonly<Record<string, FileEntry>>;
}

/** What quantisation did, against the checkpoint in float32. */
export interface FidelitySummary {
  readonly texts: number;
  readonly tokens: number;
  /** 1 - cosine of the dense output: mean and worst text. */
  readonly denseMean: number;
  readonly denseWorst: number;
  /** 1 - cosine of ColBERT rows. */
  readonly colbertMean: number;
  readonly colbertWorst: number;
  /** Token ids with a weight in both, of those with one in either; error in the sum of the weights. */
  readonly sparseOverlap: number;
  readonly sparseError: number;
}

export const FILE_NAME = /^[a-z0-9-]+\.bin$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Whether a text may be printed in banners and logs: one line, no control characters. */
export function isLabel(text: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u.test(text);
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a manifest of which nothing is trusted: afterwards every dimension is in the range the kernels are built for, and the files are exactly
 * those that the layouts need, each with the length its layout has.
 *
 * @throws ServiceError `model_shard_corrupt`, naming the field, what it holds and what was wanted.
 */
export function parseManifest(text: string): Manifest {
  if (text.length > LIMITS.manifestBytes)
    throw corrupt(`${text.length} characters, at most ${LIMITS.manifestBytes} are read`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw corrupt(`not JSON: ${(error as Error).message.slice(0, 120)}`, error);
  }
  const isMeasured = typeof json === 'object' && json !== null && Object.hasOwn(json, 'fidelity');
  const root = fieldsOf(json, 'the whole', [
    'format',
    'model',
    'preset',
    'architecture',
    'tokenizer',
    'wordTable',
    'positionTable',
    'layers',
    'files',
    ...(isMeasured ? ['fidelity'] : []),
  ]);
  const format = oneOf(root.format, 'format', ['m3edge/1']);
  const architecture = parseArchitecture(root.architecture);
  const manifest: Manifest = {
    format,
    model: parseModel(root.model),
    preset: oneOf(root.preset, 'preset', ['q8', 'q4', 'auto']),
    architecture,
    tokenizer: parseTokenizer(root.tokenizer, architecture.vocabularySize),
    wordTable: parseTable(root.wordTable, 'wordTable', ['i8', 'i4']),
    positionTable: parseTable(root.positionTable, 'positionTable', ['i16']),
    layers: parseLayers(root.layers, architecture.layerCount),
    ...(isMeasured && { fidelity: parseFidelity(root.fidelity) }),
    files: parseFiles(root.files),
  };
  checkFiles(manifest);
  return manifest;
}

function parseModel(value: unknown): Manifest['model'] {
  const isDemo = typeof value === 'object' && value !== null && Object.hasOwn(value, 'demo');
  const fields = fieldsOf(value, 'model', ['name', 'upstream', 'revision', 'licence', ...(isDemo ? ['demo'] : [])]);
  if (isDemo && fields.demo !== true) throw wrong('model.demo', fields.demo, 'true, or nothing');
  return {
    name: label(fields.name, 'model.name'),
    upstream: label(fields.upstream, 'model.upstream'),
    revision: fields.revision === null ? null : label(fields.revision, 'model.revision'),
    licence: label(fields.licence, 'model.licence'),
    ...(isDemo && { demo: true as const }),
  };
}

function parseArchitecture(value: unknown): Architecture {
  const names = [
    'vocabularySize',
    'hiddenSize',
    'intermediateSize',
    'layerCount',
    'headCount',
    'positionCount',
    'positionOffset',
    'maxTokens',
    'layerNormEpsilon',
    'colbertSize',
  ] as const;
  const fields = fieldsOf(value, 'architecture', names);
  const count = (name: (typeof names)[number], minimum: number, maximum: number, divisor = 1) =>
    integer(fields[name], `architecture.${name}`, minimum, maximum, divisor);

  const hiddenSize = count('hiddenSize', 64, 8192, 64);
  const headCount = count('headCount', 1, hiddenSize / 16);
  if (hiddenSize % (headCount * 16) !== 0)
    throw wrong('architecture.headCount', headCount, `a divisor of ${hiddenSize} / 16`);
  const positionOffset = count('positionOffset', 0, 1024);
  const positionCount = count('positionCount', positionOffset + 3, 1 << 20);
  const epsilon = fields.layerNormEpsilon;
  if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon <= 0.01))
    throw wrong('architecture.layerNormEpsilon', epsilon, 'above 0, at most 0.01');
  return {
    vocabularySize: count('vocabularySize', 8, 1 << 22),
    hiddenSize,
    intermediateSize: count('intermediateSize', 64, 65536, 64),
    layerCount: count('layerCount', 1, 99),
    headCount,
    positionCount,
    positionOffset,
    maxTokens: count('maxTokens', 3, Math.min(positionCount - positionOffset, LIMITS.maxTokens)),
    layerNormEpsilon: epsilon,
    colbertSize: count('colbertSize', PANEL_COLUMNS, 8192, PANEL_COLUMNS),
  };
}

function parseTokenizer(value: unknown, vocabularySize: number): Manifest['tokenizer'] {
  const fields = fieldsOf(value, 'tokenizer', ['bos', 'pad', 'eos', 'unknown']);
  const id = (name: string) => integer(fields[name], `tokenizer.${name}`, 0, vocabularySize - 1);
  return { bos: id('bos'), pad: id('pad'), eos: id('eos'), unknown: id('unknown') };
}

function parseFidelity(value: unknown): FidelitySummary {
  const count = (name: string) => integer(fields[name], `fidelity.${name}`, 1, Number.MAX_SAFE_INTEGER);
  const error = (name: string): number => {
    const number = fields[name];
    if (typeof number !== 'number' || !(number >= 0 && number <= 1e6))
      throw wrong(`fidelity.${name}`, number, 'a number from 0 to 1000000');
    return number;
  };
  const errors = [
    'denseMean',
    'denseWorst',
    'colbertMean',
    'colbertWorst',
    'sparseOverlap',
    'sparseError',
  ] as const satisfies readonly (keyof FidelitySummary)[];
  const fields = fieldsOf(value, 'fidelity', ['texts', 'tokens', ...errors]);
  const figures = Object.fromEntries(errors.map((name) => [name, error(name)]));
  return { texts: count('texts'), tokens: count('tokens'), ...figures } as unknown as FidelitySummary;
}

function parseTable<T extends RowType>(
  value: unknown,
  name: string,
  types: readonly T[],
): { pageRows: number; type: T } {
  const fields = fieldsOf(value, name, ['pageRows', 'type']);
  return {
    pageRows: integer(fields.pageRows, `${name}.pageRows`, 1, 65536),
    type: oneOf(fields.type, `${name}.type`, types),
  };
}

function parseLayers(value: unknown, layerCount: number): LayerWeightTypes[] {
  if (!Array.isArray(value) || value.length !== layerCount) {
    throw wrong(
      'layers',
      Array.isArray(value) ? `${value.length} entries` : value,
      `architecture.layerCount (${layerCount}) entries`,
    );
  }
  return value.map((entry, layer) => {
    const fields = fieldsOf(entry, `layers[${layer}]`, LINEAR_NAMES);
    const type = (name: LinearName): WeightType => oneOf(fields[name], `layers[${layer}].${name}`, ['u7', 'u4g32']);
    return {
      qkv: type('qkv'),
      attentionOutput: type('attentionOutput'),
      intermediate: type('intermediate'),
      output: type('output'),
    };
  });
}

function parseFiles(value: unknown): Record<string, FileEntry> {
  const files: Record<string, FileEntry> = {};
  for (const [name, entry] of Object.entries(fieldsOf(value, 'files'))) {
    if (!FILE_NAME.test(name))
      throw wrong('files', name.slice(0, 80), 'names of lower-case letters, digits and "-" that end in .bin');
    const fields = fieldsOf(entry, `files["${name}"]`, ['bytes', 'sha256']);
    const { sha256 } = fields;
    if (typeof sha256 !== 'string' || !SHA256.test(sha256))
      throw wrong(`files["${name}"].sha256`, sha256, '64 lower-case hex digits');
    files[name] = { bytes: integer(fields.bytes, `files["${name}"].bytes`, 1, LIMITS.shardBytes), sha256 };
  }
  return files;
}

/** The files must be exactly those that the layouts need. */
function checkFiles(manifest: Manifest): void {
  const { files, layers } = manifest;
  const named = Object.keys(files).length;
  // First the count, so that hostile dimensions cannot ask for millions of names.
  const needed = 3 + layers.length + planWordTable(manifest).pageCount + planPositionTable(manifest).pageCount;
  if (named !== needed) throw wrong('files', `${named} files`, `${needed}, as architecture and tables say`);
  if (files[TOKENIZER_FILE] === undefined) throw wrong('files', 'nothing', TOKENIZER_FILE);
  for (const [name, bytes] of expectedFiles(manifest)) {
    if (files[name]?.bytes !== bytes)
      throw wrong(`files["${name}"]`, files[name]?.bytes, `${bytes} bytes, as its layout says`);
  }
}

/** @param names Exactly the fields there must be; any when absent. */
function fieldsOf(value: unknown, where: string, names?: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, value, 'an object');
  if (names !== undefined) {
    for (const name of names) if (!Object.hasOwn(value, name)) throw corrupt(`${where} has no field "${name}"`);
    for (const name of Object.keys(value))
      if (!names.includes(name)) throw corrupt(`${where} has an unknown field "${name.slice(0, 80)}"`);
  }
  return value as Fields;
}

function integer(value: unknown, where: string, minimum: number, maximum: number, divisor = 1): number {
  if (Number.isSafeInteger(value)) {
    const number = value as number;
    if (number >= minimum && number <= maximum && number % divisor === 0) return number;
  }
  throw wrong(
    where,
    value,
    `a whole number from ${minimum} to ${maximum}${divisor > 1 ? ` that ${divisor} divides` : ''}`,
  );
}

function oneOf<const T extends string>(value: unknown, where: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(where, value, allowed.join(' or '));
  return found;
}

function label(value: unknown, where: string): string {
  if (typeof value !== 'string' || !isLabel(value)) throw wrong(where, value, '1 to 200 printable characters');
  return value;
}

function wrong(where: string, got: unknown, wanted: string): ServiceError {
  return corrupt(`${where}: got ${JSON.stringify(got)?.slice(0, 80) ?? 'nothing'}, wanted ${wanted}`);
}

function corrupt(what: string, cause?: unknown): ServiceError {
  return new ServiceError('model_shard_corrupt', `${MANIFEST_FILE}: ${what}`, { cause });
}
