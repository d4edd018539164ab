import { readFileSync } from 'node:fs';
import { defineCommand } from 'citty';
import { TOKENIZER_FILE } from '../../src/format/layout.ts';
import { createTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';
import { chooseModel } from '../choose-model.ts';
import { buildTokenizer } from '../convert/tokenizer.ts';
import { openModel } from '../node-embedder.ts';
import { writeOut } from '../output.ts';
import { parseLine, readLines } from '../texts.ts';
import { UserError } from '../user-error.ts';

export const tokenizeCommand = defineCommand({
  meta: { name: 'tokenize', description: 'Token ids of texts: one a line on stdin, {"ids":[..]} a line on stdout' },
  args: {
    model: { type: 'string', valueHint: 'DIR', description: 'Model directory' },
    tokenizer: { type: 'string', valueHint: 'FILE', description: 'A tokenizer.json instead of a model' },
    json: { type: 'boolean', description: 'A line on stdin is a JSON string' },
  },
  async run({ args }) {
    if (args.model !== undefined && args.tokenizer !== undefined) {
      throw new UserError('--model and --tokenizer exclude each other; name one');
    }
    const tokenizer = args.tokenizer === undefined ? await fromModel(args.model) : fromJson(args.tokenizer);
    for await (const { first, lines } of readLines(process.stdin)) {
      const texts = lines.map((line, i) => parseLine(line, first + i, args.json ?? false));
      await writeOut(texts.map((text) => `{"ids":[${tokenizer.encode(text).ids.join()}]}\n`));
    }
  },
});

async function fromModel(given: string | undefined): Promise<Tokenizer> {
  const { manifest, shards } = openModel(await chooseModel(given));
  const bytes = new Uint8Array(manifest.files[TOKENIZER_FILE]!.bytes);
  await shards.readInto(TOKENIZER_FILE, (chunk, offset) => bytes.set(chunk, offset));
  return createTokenizer(parseVocabulary(bytes));
}

function fromJson(path: string): Tokenizer {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)));
  } catch (cause) {
    throw new UserError(`${path}: ${(cause as Error).message.slice(0, 120)}; name a tokenizer.json`, { cause });
  }
  return createTokenizer(parseVocabulary(buildTokenizer({ kind: 'tokenizer.json', json }).bytes));
}
