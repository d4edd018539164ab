import { defineCommand } from 'citty';
import type { EmbedOptions } from '../../src/embedder.ts';
import { embeddingLine } from '../../src/embedding-json.ts';
import { chooseModel } from '../choose-model.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { ENGINE_OPTION } from '../onnx-engine.ts';
import { writeOut } from '../output.ts';
import { parseMaxLength } from '../parse-options.ts';
import { createCounter } from '../progress-counter.ts';
import { checkText, parseLine, readLines } from '../texts.ts';

export const encodeCommand = defineCommand({
  meta: { name: 'encode', description: 'Embed texts: one a line on stdin, a JSON object a line on stdout' },
  args: {
    model: { type: 'string', valueHint: 'DIR', description: 'Model directory' },
    engine: ENGINE_OPTION,
    sparse: { type: 'boolean', description: 'Add lexical_weights' },
    colbert: { type: 'boolean', description: 'Add colbert_vecs' },
    'max-length': {
      type: 'string',
      valueHint: 'N',
      description: "Tokens a text, <s> and </s> included; default the model's",
    },
    truncate: { type: 'boolean', description: 'Cut texts that are too long instead of refusing them' },
    json: { type: 'boolean', description: 'A line on stdin is a JSON string' },
  },
  async run({ args }) {
    const maxTokens = parseMaxLength(args['max-length']);
    const embedder = await createNodeEmbedder(await chooseModel(args.model), args.engine);
    const format = { encoding: 'float', colbertSize: embedder.manifest.architecture.colbertSize } as const;
    const counter = createCounter('texts');
    let index = 0;
    for await (const { first, lines } of readLines(process.stdin)) {
      const place = (line: number) => `line ${first + line}`;
      const texts = lines.map((line, i) => parseLine(line, first + i, args.json ?? false));
      texts.forEach((text, i) => {
        checkText(text, place(i));
      });
      const options: EmbedOptions = {
        dense: true,
        sparse: args.sparse ?? false,
        colbert: args.colbert ?? false,
        truncate: args.truncate ?? false,
        paramOf: place,
        ...(maxTokens !== undefined && { maxTokens }),
      };
      for await (const embedding of embedder.embedEach(texts, options)) {
        await writeOut(embeddingLine(index++, embedding, format));
        counter.update(index);
      }
    }
    counter.end();
  },
});
