import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { letterRuns } from '../cli/synth/filler-vocabulary.ts';
import { type PickledTensor, torchPickle } from '../test/cli/checkpoint/builders.ts';

/**
 * Writes a synthetic checkpoint in Hugging Face layout with BGE-M3's shapes (2.27 GB): random weights, for measuring what does not depend
 * on their values. The same options give the same bytes.
 *
 *   node scripts/make-checkpoint.ts DIR [--layers 24] [--hidden 1024] [--intermediate 4096] [--heads 16] [--vocabulary 250002]
 *                                       [--positions 8194] [--tokenizer FILE] [--seed 1]
 *
 * A tokenizer.json must have as many pieces as --vocabulary says; by default it is the fixtures', with runs of letters up to that number.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: '24' },
    hidden: { type: 'string', default: '1024' },
    intermediate: { type: 'string', default: '4096' },
    heads: { type: 'string', default: '16' },
    vocabulary: { type: 'string', default: '250002' },
    positions: { type: 'string', default: '8194' },
    tokenizer: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const [directory] = positionals;
if (directory === undefined) {
  console.error('usage: node scripts/make-checkpoint.ts DIR');
  process.exit(2);
}
const [hidden, intermediate, layers] = [Number(values.hidden), Number(values.intermediate), Number(values.layers)];
const [vocabulary, positions] = [Number(values.vocabulary), Number(values.positions)];

/** `scale` times a standard normal number, or 1 plus that. */
interface Filled extends PickledTensor {
  readonly scale: number;
  readonly aroundOne?: boolean;
}

function encoderTensors(): Filled[] {
  const tensors: Filled[] = [
    { name: 'embeddings.word_embeddings.weight', shape: [vocabulary, hidden], scale: 0.05 },
    { name: 'embeddings.position_embeddings.weight', shape: [positions, hidden], scale: 0.01 },
    { name: 'embeddings.token_type_embeddings.weight', shape: [1, hidden], scale: 0.01 },
  ];
  const norm = (name: string) =>
    tensors.push(
      { name: `${name}.weight`, shape: [hidden], scale: 0.1, aroundOne: true },
      { name: `${name}.bias`, shape: [hidden], scale: 0.1 },
    );
  const linear = (name: string, n: number, k: number, gain = 1) =>
    tensors.push(
      { name: `${name}.weight`, shape: [n, k], scale: gain / Math.sqrt(k) },
      { name: `${name}.bias`, shape: [n], scale: 0.05 },
    );
  norm('embeddings.LayerNorm');
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.layer.${layer}`;
    linear(`${name}.attention.self.query`, hidden, hidden, 1.5); // attention that prefers some tokens
    linear(`${name}.attention.self.key`, hidden, hidden, 1.5);
    linear(`${name}.attention.self.value`, hidden, hidden);
    linear(`${name}.attention.output.dense`, hidden, hidden);
    norm(`${name}.attention.output.LayerNorm`);
    linear(`${name}.intermediate.dense`, intermediate, hidden);
    linear(`${name}.output.dense`, hidden, intermediate);
    norm(`${name}.output.LayerNorm`);
  }
  return tensors;
}

/** Sums of four random bytes, which are near enough to normal, from xorshift32. */
function createNormal(seed: number): () => number {
  let state = seed * 0x9e3779b9 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state & 255) + ((state >>> 8) & 255) + ((state >>> 16) & 255) + (state >>> 24) - 510) / 147.8;
  };
}

const BLOCK = 1 << 18;
const normal = createNormal(Number(values.seed));

/** A torch zip with one storage a tensor; the entries' checksums are filled in once their bytes are written. */
function writeTorchFile(file: string, tensors: readonly Filled[]): void {
  const fd = openSync(join(directory!, file), 'w');
  const directoryEntries: Buffer[] = [];
  let end = 0;
  const write = (bytes: Uint8Array) => {
    end += writeSync(fd, bytes, 0, bytes.length, end);
  };
  const addEntry = (name: string, byteLength: number, parts: Iterable<Uint8Array>) => {
    const start = end;
    if (start + byteLength > 0xffffffff) throw new RangeError(`${file}: more than a plain zip can hold`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed; stored, no flags
    common.writeUInt32LE(byteLength, 14);
    common.writeUInt32LE(byteLength, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    write(Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name)]));
    let crc = 0;
    for (const part of parts) {
      crc = crc32(part, crc);
      write(part);
    }
    common.writeUInt32LE(crc, 10);
    writeSync(fd, common, 0, common.length, start + 4);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(start, 10);
    directoryEntries.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)]),
    );
  };
  const pickle = torchPickle(tensors.map((tensor, i) => ({ ...tensor, key: String(i) })));
  addEntry('archive/data.pkl', pickle.length, [pickle]);
  for (const [i, { shape, scale, aroundOne }] of tensors.entries()) {
    const count = shape.reduce((product, dimension) => product * dimension, 1);
    addEntry(`archive/data/${i}`, 4 * count, randomBlocks(count, scale, aroundOne ? 1 : 0));
  }
  const central = Buffer.concat(directoryEntries);
  const last = Buffer.alloc(22);
  last.write('PK\x05\x06', 0, 'latin1');
  last.writeUInt16LE(directoryEntries.length, 8);
  last.writeUInt16LE(directoryEntries.length, 10);
  last.writeUInt32LE(central.length, 12);
  last.writeUInt32LE(end, 16);
  write(central);
  write(last);
  closeSync(fd);
}

function* randomBlocks(count: number, scale: number, middle: number): Generator<Uint8Array> {
  const block = new Float32Array(BLOCK);
  for (let done = 0; done < count; done += BLOCK) {
    const length = Math.min(BLOCK, count - done);
    for (let i = 0; i < length; i++) block[i] = middle + scale * normal();
    yield new Uint8Array(block.buffer, 0, 4 * length);
  }
}

mkdirSync(directory, { recursive: true });
const config = {
  model_type: 'xlm-roberta',
  hidden_act: 'gelu',
  vocab_size: vocabulary,
  hidden_size: hidden,
  num_hidden_layers: layers,
  num_attention_heads: Number(values.heads),
  intermediate_size: intermediate,
  max_position_embeddings: positions,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  pad_token_id: 1,
};
writeFileSync(join(directory, 'config.json'), `${JSON.stringify(config, null, 1)}\n`);
writeTorchFile('pytorch_model.bin', encoderTensors());
writeTorchFile('sparse_linear.pt', [
  { name: 'weight', shape: [1, hidden], scale: 0.02 },
  { name: 'bias', shape: [1], scale: 0.1 },
]);
writeTorchFile('colbert_linear.pt', [
  { name: 'weight', shape: [hidden, hidden], scale: 1 / Math.sqrt(hidden) },
  { name: 'bias', shape: [hidden], scale: 0.02 },
]);
writeFileSync(
  join(directory, 'tokenizer.json'),
  values.tokenizer === undefined ? fillerTokenizer(vocabulary) : readFileSync(values.tokenizer),
);

function fillerTokenizer(size: number): string {
  const tokenizer = JSON.parse(
    readFileSync(new URL('../test/fixtures/micro-m3/tokenizer.json', import.meta.url), 'utf8'),
  );
  const pieces: [string, number][] = tokenizer.model.vocab;
  const mask = pieces.pop()!;
  const taken = new Set(pieces.map(([text]) => text));
  for (const text of letterRuns()) {
    if (pieces.length === size - 1) break;
    if (!taken.has(text)) pieces.push([text, Math.fround(-10 - (4 * pieces.length) / size)]);
  }
  tokenizer.model.vocab = [...pieces.slice(0, size - 1), mask];
  tokenizer.added_tokens.find(({ content }: { content: string }) => content === '<mask>').id = size - 1;
  return JSON.stringify(tokenizer);
}
