import { renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineCommand } from 'citty';
import { MANIFEST_FILE } from '../../src/format/layout.ts';
import type { FidelitySummary, Manifest } from '../../src/format/manifest.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../checkpoint/directory.ts';
import { parseEncoderConfig } from '../checkpoint/encoder-config.ts';
import { openTensors } from '../convert/open-checkpoint.ts';
import { renderPage } from '../fidelity/page.ts';
import { bundledTexts, makeReport, ownTexts, type Report } from '../fidelity/report.ts';
import type { FloatModel } from '../float/reference.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { createCounter } from '../progress-counter.ts';
import { readTextLines } from '../text-lines.ts';
import { fromSystemError, UserError } from '../user-error.ts';

/** Beside the shards. The manifest takes up the report in short, which is no part of the fingerprint. */
const JSON_FILE = 'fidelity.json';
const PAGE_FILE = 'fidelity.html';

export const fidelityCommand = defineCommand({
  meta: { name: 'fidelity', description: 'Measure what quantisation did, against the checkpoint in float32' },
  args: {
    dir: { type: 'positional', required: true, description: 'Model directory' },
    against: { type: 'string', required: true, valueHint: 'CHECKPOINT', description: 'What the model was made from' },
    texts: {
      type: 'string',
      valueHint: 'FILE',
      description: 'Texts to measure on, one a line, in place of those that come with m3edge',
    },
  },
  async run({ args }) {
    const set = args.texts === undefined ? bundledTexts() : ownTexts(basename(args.texts), readTextLines(args.texts));
    const embedder = await createNodeEmbedder(args.dir);
    const opened: Checkpoint[] = [];
    try {
      const directory = openCheckpointDirectory(args.against);
      const model = await openTensors(directory, parseEncoderConfig(directory.readJson('config.json')), opened);
      checkSameShape(model, embedder.manifest, args.against);
      const counter = createCounter('steps');
      const report = await makeReport(embedder, model, set, counter.update);
      counter.end();
      writeWhole(join(args.dir, PAGE_FILE), renderPage(report));
      writeWhole(join(args.dir, JSON_FILE), `${JSON.stringify(report, null, 1)}\n`);
      const manifest: Manifest = { ...embedder.manifest, fidelity: inShort(report) };
      writeWhole(join(args.dir, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
      for (const line of summarize(report)) console.log(line);
      console.log(`written: ${join(args.dir, JSON_FILE)}, ${join(args.dir, PAGE_FILE)}; /info has it in short`);
    } catch (error) {
      throw fromSystemError(error);
    } finally {
      for (const checkpoint of opened) checkpoint.close();
    }
  },
});

/** @throws UserError naming the first dimension that differs. */
function checkSameShape({ architecture }: FloatModel, manifest: Manifest, against: string): void {
  for (const [field, value] of Object.entries(architecture)) {
    const converted = manifest.architecture[field as keyof typeof architecture];
    if (converted !== value) {
      throw new UserError(
        `${against}: its ${field} is ${value}, the model's is ${converted}; give the checkpoint that the model was made from`,
      );
    }
  }
}

function inShort({ texts, total: { dense, colbert, sparse } }: Report): FidelitySummary {
  return {
    texts: texts.count,
    tokens: texts.tokens,
    denseMean: dense.mean,
    denseWorst: dense.worst,
    colbertMean: colbert.mean,
    colbertWorst: colbert.worst,
    sparseOverlap: sparse.overlap,
    sparseError: sparse.weightError,
  };
}

/** So that a reader never finds half a file. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.partial`, text);
  renameSync(`${path}.partial`, path);
}

function summarize({ total: { dense, colbert, sparse, ranking }, texts }: Report): string[] {
  const lines = [
    `texts     ${texts.count} (${texts.source}), ${texts.tokens} tokens`,
    `dense     1 - cosine ${dense.mean.toExponential(2)} on average, ${dense.worst.toExponential(2)} at worst`,
    `ColBERT   1 - cosine ${colbert.mean.toExponential(2)} a row, ${colbert.worst.toExponential(2)} at worst`,
    `lexical   ${(100 * sparse.overlap).toFixed(2)} % of ids shared, weights off by ${(100 * sparse.weightError).toFixed(2)} %, at most ${sparse.largestDifference.toExponential(2)}`,
  ];
  if (ranking) {
    const { dense: d, sparse: s, colbert: c, distillation } = ranking;
    lines.push(
      `ranking   Kendall's tau: dense ${d.kendall.toFixed(4)}, lexical ${s.kendall.toFixed(4)}, ColBERT ${c.kendall.toFixed(4)}`,
      `          self-distillation ${distillation.quantised.toFixed(4)}, in float32 ${distillation.reference.toFixed(4)}`,
    );
  }
  return lines;
}
