import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryByteSource } from '../../../cli/checkpoint/byte-source.ts';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { parseEncoderConfig } from '../../../cli/checkpoint/encoder-config.ts';
import { encoderTensors } from '../../../cli/checkpoint/encoder-tensors.ts';
import { parseTorchPickle } from '../../../cli/checkpoint/pickle.ts';
import { openSafetensors } from '../../../cli/checkpoint/safetensors.ts';
import { openSharded } from '../../../cli/checkpoint/sharded.ts';
import { parseStrictJson } from '../../../cli/checkpoint/strict-json.ts';
import { openTorchZip } from '../../../cli/checkpoint/torch-zip.ts';
import { listStoredEntries } from '../../../cli/checkpoint/zip.ts';
import { convertCheckpoint } from '../../../cli/convert/convert.ts';
import { UserError } from '../../../cli/user-error.ts';
import { ServiceError } from '../../../src/errors.ts';
import { parseManifest } from '../../../src/format/manifest.ts';
import { tinyManifest } from '../../format/tiny-manifest.ts';
import { seededRandom } from '../../random.ts';
import { mutate } from './mutate.ts';
import { TINY_CONFIG, tinyCheckpoint, tinySafetensors, tinyTorchZip, writeTinyCheckpoint } from './tiny-checkpoint.ts';

const FIXTURE = join(import.meta.dirname, '../../fixtures/micro-m3-bin');

/** A kind of file, a good one, and what reads it: it must return, or throw an error that is meant for the user. */
interface Target {
  readonly kind: string;
  readonly good: Uint8Array;
  readonly read: (bytes: Uint8Array, directory: string) => unknown;
}

export interface HostileResult {
  readonly cases: number;
  /** Files that were still good, or good enough. */
  readonly accepted: number;
  readonly slowestMs: number;
  /** By how much live memory (after a full collection) grew from the first tenth, when everything is compiled, to the end. */
  readonly liveGrowthBytes: number;
  /** The process's largest resident set; garbage between collections is most of it. */
  readonly residentBytes: number;
  /** What went wrong: the case's kind and number, and how. */
  readonly failures: readonly string[];
}

/**
 * Reads `count` mutated files; every `convertEvery`th time a whole checkpoint with one mutated file goes through the converter.
 *
 * @param directory An empty directory of the caller's, in which the converter works; found empty again, or that is a failure.
 */
export async function runHostileCases(
  count: number,
  seed: number,
  directory: string,
  convertEvery = 100,
): Promise<HostileResult> {
  const targets = await createTargets();
  const failures: string[] = [];
  let accepted = 0;
  let slowestMs = 0;
  let liveBytes = 0;
  for (let i = 0; i < count; i++) {
    const random = seededRandom(seed * 1_000_003 + i);
    const target = i % convertEvery === convertEvery - 1 ? convertTarget(random) : targets[i % targets.length]!;
    const bytes = mutate(target.good, random);
    const startedMs = performance.now();
    try {
      await target.read(bytes, directory);
      accepted++;
    } catch (error) {
      if (!(error instanceof UserError || error instanceof ServiceError))
        failures.push(`${target.kind} ${i}: ${(error as Error).stack ?? error}`);
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    const left = readdirSync(directory);
    if (left.length > 0) failures.push(`${target.kind} ${i}: left ${left}`);
    if (i === Math.floor(count / 10)) liveBytes = await measureLiveBytes();
  }
  return {
    cases: count,
    accepted,
    slowestMs,
    liveGrowthBytes: (await measureLiveBytes()) - liveBytes,
    residentBytes: process.resourceUsage().maxRSS * 1024,
    failures,
  };
}

async function measureLiveBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50)); // buffers are freed beside the main thread
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function createTargets(): Promise<Target[]> {
  const config = parseEncoderConfig(TINY_CONFIG);
  const readAll = (checkpoint: Checkpoint) => {
    for (const [name, { type, shape }] of checkpoint.tensors) {
      if (type === 'other') continue;
      checkpoint.readRows(name, 0, shape[0] ?? 1, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    }
  };
  const safetensors = Buffer.from(tinySafetensors());
  // The header alone is mutated: a change among 98 KB of floats is nearly always a good file.
  const headerEnd = 8 + Number(safetensors.readBigUInt64LE());
  const floats = safetensors.subarray(headerEnd);
  const index = {
    weight_map: Object.fromEntries(
      [...openSafetensors(memoryByteSource(safetensors, 'm')).tensors.keys()].map((name) => [name, 'a.safetensors']),
    ),
  };
  const tiny = openSafetensors(memoryByteSource(safetensors, 'a.safetensors'));
  return [
    {
      kind: 'safetensors',
      good: safetensors.subarray(0, headerEnd),
      read: (bytes) =>
        readAll(encoderTensors(openSafetensors(memoryByteSource(Buffer.concat([bytes, floats]), 'm')), config)),
    },
    // Written by torch itself.
    {
      kind: 'torch zip',
      good: readFileSync(join(FIXTURE, 'sparse_linear.pt')),
      read: async (bytes) => readAll(await openTorchZip(memoryByteSource(bytes, 'm'))),
    },
    { kind: 'pickle', good: await fixturePickle(), read: (bytes) => parseTorchPickle(bytes, 'm') },
    {
      kind: 'manifest',
      good: Buffer.from(JSON.stringify(tinyManifest())),
      read: (bytes) => parseManifest(new TextDecoder().decode(bytes)),
    },
    {
      kind: 'config',
      good: Buffer.from(JSON.stringify(TINY_CONFIG)),
      read: (bytes) => parseEncoderConfig(parseStrictJson(bytes, 'config.json')),
    },
    {
      kind: 'index',
      good: Buffer.from(JSON.stringify(index)),
      read: async (bytes) =>
        encoderTensors(await openSharded(parseStrictJson(bytes, 'index'), 'index', async () => tiny), config),
    },
  ];
}

/** `data.pkl` of the fixture's 71 tensors, as torch wrote it. */
async function fixturePickle(): Promise<Uint8Array> {
  const bytes = readFileSync(join(FIXTURE, 'pytorch_model.bin'));
  const entry = (await listStoredEntries(memoryByteSource(bytes, 'm'))).get('pytorch_model/data.pkl')!;
  return bytes.subarray(entry.begin, entry.begin + entry.byteLength);
}

/** The converter on a checkpoint of which one file is mutated. */
function convertTarget(random: () => number): Target {
  const weights = random() < 0.5 ? { 'pytorch_model.bin': tinyTorchZip(), 'model.safetensors': undefined } : {};
  const names = [...tinyCheckpoint(weights).keys()].filter((name) => name !== 'tokenizer.json');
  const name = names[Math.floor(random() * names.length)]!;
  return {
    kind: `converter, ${name}`,
    good: Buffer.from(tinyCheckpoint(weights).get(name)!),
    async read(bytes, directory) {
      const [checkpoint, out] = [join(directory, 'checkpoint'), join(directory, 'out')];
      mkdirSync(out);
      try {
        writeTinyCheckpoint(checkpoint, { ...weights, [name]: bytes });
        await convertCheckpoint({
          checkpoint,
          outDir: join(out, 'model'),
          preset: 'q4',
          name: 'mutant',
          buildTokenizer: () => ({
            bytes: new Uint8Array(64),
            vocabularySize: TINY_CONFIG.vocab_size,
            ids: { bos: 0, pad: 1, eos: 2, unknown: 3 },
          }),
        });
      } finally {
        rmSync(checkpoint, { recursive: true });
        if (readdirSync(out).every((entry) => entry === 'model')) rmSync(out, { recursive: true });
      }
    },
  };
}
