import { defineCommand } from 'citty';
import { LINEAR_NAMES } from '../../src/format/architecture.ts';
import { planPositionTable, planWordTable } from '../../src/format/expected-files.ts';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { EMBEDDINGS_FILE, HEADS_FILE, layerFile, MANIFEST_FILE, TOKENIZER_FILE } from '../../src/format/layout.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { formatBytes } from '../format.ts';
import { readManifest } from '../model-directory.ts';

export const infoCommand = defineCommand({
  meta: { name: 'info', description: 'Print what a model directory holds' },
  args: { dir: { type: 'positional', required: true, description: 'Model directory' } },
  async run({ args }) {
    const manifest = readManifest(args.dir);
    for (const line of describeModel(manifest, await fingerprintOf(manifest))) console.log(line);
  },
});

/** What the manifest says, a line a fact. */
export function describeModel(manifest: Manifest, fingerprint: string): string[] {
  const { model, architecture: a, tokenizer: t, files } = manifest;
  const bytesOf = (belongs: (name: string) => boolean) =>
    Object.entries(files).reduce((sum, [name, file]) => (belongs(name) ? sum + file.bytes : sum), 0);
  const table = (prefix: string, { pageCount, pageRows }: { pageCount: number; pageRows: number }, type: string) =>
    `${formatBytes(bytesOf((name) => name.startsWith(prefix)))}: ${pageCount} pages of ${pageRows} rows, ${type}`;
  return [
    `model        ${model.name}`,
    `upstream     ${model.upstream}, revision ${model.revision ?? 'unknown'}, licence ${model.licence}`,
    `fingerprint  ${fingerprint}`,
    `encoder      ${a.layerCount} layers, hidden ${a.hiddenSize}, intermediate ${a.intermediateSize}, ${a.headCount} heads of ${a.hiddenSize / a.headCount}`,
    `tokens       at most ${a.maxTokens} a text; ${a.positionCount} position rows, the first one used is ${a.positionOffset}`,
    `vocabulary   ${a.vocabularySize} pieces; <s> ${t.bos}, <pad> ${t.pad}, </s> ${t.eos}, <unk> ${t.unknown}`,
    `ColBERT      ${a.colbertSize} dimensions`,
    `preset       ${manifest.preset}`,
    `layers       ${formatBytes(bytesOf((name) => name.startsWith('layer-')))}`,
    ...layerRuns(manifest).map((line) => `             ${line}`),
    `words        ${table('words-', planWordTable(manifest), manifest.wordTable.type)}`,
    `positions    ${table('positions-', planPositionTable(manifest), manifest.positionTable.type)}`,
    `heads        ${formatBytes(files[HEADS_FILE]!.bytes)}`,
    `embeddings   ${formatBytes(files[EMBEDDINGS_FILE]!.bytes)}`,
    `tokenizer    ${formatBytes(files[TOKENIZER_FILE]!.bytes)}`,
    `total        ${formatBytes(bytesOf(() => true))} in ${Object.keys(files).length} files and ${MANIFEST_FILE}`,
  ];
}

/** Layers that follow one another and are packed alike, on one line. */
function layerRuns({ layers, files }: Manifest): string[] {
  const packed = layers.map((types, layer) => {
    const distinct = new Set(LINEAR_NAMES.map((name) => types[name]));
    const weights =
      distinct.size === 1 ? [...distinct].join() : LINEAR_NAMES.map((name) => `${name} ${types[name]}`).join(', ');
    return `${formatBytes(files[layerFile(layer)]!.bytes)} a layer, ${weights}`;
  });
  const lines: string[] = [];
  for (let first = 0, next = 1; first < packed.length; first = next++) {
    while (next < packed.length && packed[next] === packed[first]) next++;
    lines.push(`${first === next - 1 ? first : `${first} to ${next - 1}`}: ${packed[first]}`);
  }
  return lines;
}
