import { defineCommand } from 'citty';
import { computeScores } from '../../src/compute-score.ts';
import { shortestFloat32 } from '../../src/float32-text.ts';
import { chooseModel } from '../choose-model.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { writeOut } from '../output.ts';
import { parseWeights } from '../parse-options.ts';
import { checkText, parseLine, readLines } from '../texts.ts';

export const scoreCommand = defineCommand({
  meta: {
    name: 'score',
    description: 'Score passages, one a line on stdin, against a query; a JSON object a line on stdout',
  },
  args: {
    query: { type: 'string', required: true, valueHint: 'Q', description: 'The query' },
    model: { type: 'string', valueHint: 'DIR', description: 'Model directory' },
    weights: { type: 'string', valueHint: 'D,S,C', description: 'Weights of dense, sparse and ColBERT; default 1,1,1' },
    truncate: { type: 'boolean', description: 'Cut what has more than 512 tokens instead of refusing it' },
    json: { type: 'boolean', description: 'A line on stdin is a JSON string' },
  },
  async run({ args }) {
    checkText(args.query, '--query');
    const weights = parseWeights(args.weights);
    const embedder = await createNodeEmbedder(await chooseModel(args.model));
    let index = 0;
    for await (const { first, lines } of readLines(process.stdin)) {
      const pairs = lines.map((line, i) => {
        const passage = parseLine(line, first + i, args.json ?? false);
        checkText(passage, `line ${first + i}`);
        return [args.query, passage] as const;
      });
      const { scores } = await computeScores(embedder, pairs, {
        truncate: args.truncate ?? false,
        paramOf: (pair, side) => (side === 0 ? '--query' : `line ${first + pair}`),
        ...(weights && { weights }),
      });
      for (const score of scores) {
        const columns = Object.entries(score).map(([name, value]) => [name, shortestFloat32(Math.fround(value))]);
        await writeOut([`${JSON.stringify({ index: index++, ...Object.fromEntries(columns) })}\n`]);
      }
    }
  },
});
