import { describe, expect, it } from 'vitest';
import type { LayerProgress } from '../src/engine/encoder.ts';
import { layerFile } from '../src/format/layout.ts';
import { modelDirectory, openModel, readGolden } from './support/models.ts';

const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
const { hiddenSize, colbertSize } = embedder.manifest.architecture;
const texts = readGolden('micro-m3')
  .texts.slice(0, 4)
  .map(({ text }) => text);

describe('createEmbedder', () => {
  it('names the field of a text that is too long, and cuts it on request, keeping </s>', async () => {
    const options = { dense: true, maxTokens: 20 };
    await expect(embedder.embed(texts, options)).rejects.toMatchObject({ code: 'input_too_long', param: 'texts[2]' });
    const [, , cut] = await embedder.embed(texts, { ...options, truncate: true });
    expect(cut!.truncated).toBe(true);
    expect([...cut!.tokenIds.slice(0, 1), cut!.tokenIds.length, ...cut!.tokenIds.slice(-1)]).toEqual([0, 20, 2]);
  });

  it('tells only of a field that the caller has what else may be done about a long text', async () => {
    const messageOf = (truncateField?: string | null) =>
      embedder.embed(texts, { dense: true, maxTokens: 20, ...(truncateField !== undefined && { truncateField }) }).then(
        () => 'embedded',
        (error) => error.message,
      );
    expect(await messageOf()).toBe('texts[2] has more than 20 tokens; shorten it or set truncate');
    expect(await messageOf('truncate_inputs')).toMatch(/; shorten it or set truncate_inputs$/);
    expect(await messageOf(null)).toMatch(/; shorten it$/);
  });

  it('refuses an answer that the caller cannot hold before it reads anything', async () => {
    const tokens = embedder.estimate(texts, {}).tokens;
    const bytes = tokens.reduce((sum, count) => sum + 4 * (hiddenSize + (count - 1) * colbertSize), 0);
    const outputs = { dense: true, colbert: true };
    await expect(embedder.embed(texts, { ...outputs, answerBytes: bytes - 1 })).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
    expect(await embedder.embed(texts, { ...outputs, answerBytes: bytes })).toHaveLength(texts.length);
  });

  it('reports every layer of a pass, and which were in memory', async () => {
    const layers: LayerProgress[] = [];
    await embedder.embed(texts, { dense: true, onLayer: (progress) => layers.push(progress) });
    const again: LayerProgress[] = [];
    await embedder.embed(texts, { dense: true, onLayer: (progress) => again.push(progress) });
    expect(layers).toHaveLength(3);
    const { files } = embedder.manifest;
    expect(again).toMatchObject(
      [0, 1, 2].map((layer) => ({ layer, of: 3, resident: true, bytes: files[layerFile(layer)]!.bytes })),
    );
    for (const { waitMs, computeMs } of [...layers, ...again]) {
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(computeMs).toBeGreaterThan(0);
    }
  });

  it('averages all tokens under mean pooling', async () => {
    const [embedding] = await embedder.embed([texts[0]!], { dense: true, hiddenState: true, pooling: 'mean' });
    const { hiddenState, dense, tokenIds } = embedding!;
    const mean = Float64Array.from({ length: hiddenSize }, (_, i) => {
      let sum = 0;
      for (let token = 0; token < tokenIds.length; token++) sum += hiddenState![token * hiddenSize + i]!;
      return sum;
    });
    const norm = Math.hypot(...mean);
    for (let i = 0; i < hiddenSize; i++) expect(dense![i]).toBeCloseTo(mean[i]! / norm, 5);
  });

  it('puts the instruction before the text', async () => {
    const instruction = 'query: ';
    const [instructed] = await embedder.embed([texts[0]!], { dense: true, instruction });
    expect(instructed).toEqual((await embedder.embed([instruction + texts[0]], { dense: true }))[0]);
  });

  it('answers callers that come together each with its own', async () => {
    const alone = [];
    for (const text of texts) alone.push((await embedder.embed([text], { dense: true, sparse: true }))[0]);
    const together = await Promise.all(texts.map((text) => embedder.embed([text], { dense: true, sparse: true })));
    expect(together.map(([embedding]) => embedding)).toEqual(alone);
  });

  it('predicts tokens and passes, and refuses what takes more CPU than a request may', async () => {
    const limited = await openModel(modelDirectory('micro-m3', 'q8'), { cpuMs: 10, operationsPerMs: 1e6 });
    const small = limited.estimate(['a'], { dense: true });
    expect(small).toMatchObject({ tokens: [3], passes: 1, fits: true });
    const large = limited.estimate(texts, { dense: true });
    expect(large.fits).toBe(false);
    await expect(limited.embed(texts, { dense: true })).rejects.toThrow(`would take about ${large.cpuMs} ms of CPU`);
  });

  it('gives the ColBERT rows of a long text in blocks, the same bits as whole', async () => {
    const long = await openModel(modelDirectory('micro-m3', 'q8'), { streamedTokens: 100 });
    const text = texts.join(' ').repeat(3);
    const options = { dense: true, colbert: true };
    const [whole] = await long.embed([text], options);
    const pieces: number[] = [];
    for await (const { colbertBlocks, dense } of long.embedEach(['a', text], { ...options, streamColbert: true })) {
      if (!colbertBlocks) continue;
      expect(dense).toEqual(whole!.dense);
      for await (const block of colbertBlocks) pieces.push(...block);
    }
    expect(Float32Array.from(pieces)).toEqual(whole!.colbert);
  });
});
