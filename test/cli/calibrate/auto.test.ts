import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CALIBRATION_TEXTS } from '../../../cli/calibrate/texts.ts';
import { type ConvertOptions, convertCheckpoint } from '../../../cli/convert/convert.ts';
import { UserError } from '../../../cli/user-error.ts';
import { LINEAR_NAMES } from '../../../src/format/architecture.ts';
import { fixtureDirectory, modelDirectory, openModel, readManifest } from '../../support/models.ts';

const directory = mkdtempSync(join(tmpdir(), 'm3edge-auto-'));
afterAll(() => rmSync(directory, { recursive: true }));

const outDir = join(directory, 'auto');
const convert = (options: Partial<ConvertOptions>) =>
  convertCheckpoint({ checkpoint: fixtureDirectory('micro-m3'), outDir, preset: 'auto', name: 'auto', ...options });
const layerBytes = (manifest: ReturnType<typeof readManifest>) =>
  Object.entries(manifest.files).reduce((sum, [name, { bytes }]) => sum + (name.startsWith('layer-') ? bytes : 0), 0);

describe('convertCheckpoint with auto', () => {
  it('mixes 8 and 4 bits within the budget, and the engine runs what comes out', async () => {
    const [q4, q8] = (['q4', 'q8'] as const).map((preset) =>
      layerBytes(readManifest(modelDirectory('micro-m3', preset))),
    );
    const budgetBytes = Math.floor((q4! + q8!) / 2);
    const measured: number[] = [];
    const manifest = await convert({
      budgetBytes,
      calibrationTexts: CALIBRATION_TEXTS.slice(0, 30),
      onMeasured: (layers) => measured.push(layers),
    });
    expect(manifest.preset).toBe('auto');
    expect(layerBytes(manifest)).toBeLessThanOrEqual(budgetBytes);
    expect(layerBytes(manifest)).toBeGreaterThan(q4!);
    expect(new Set(manifest.layers.flatMap((layer) => LINEAR_NAMES.map((name) => layer[name]))).size).toBe(2);
    expect(measured).toEqual([1, 2, 3]);
    const [embedding] = await (await openModel(outDir)).embed(['mixed precision'], { dense: true });
    expect(Math.hypot(...embedding!.dense!)).toBeCloseTo(1, 5);
  });

  it.each<[string, Partial<ConvertOptions>, RegExp]>([
    ['no budget', { calibrationTexts: ['x'] }, /needs --budget SIZE/],
    ['no texts', { budgetBytes: 1e9 }, /and --rounding calibrated/],
    ['a budget below 4 bits', { budgetBytes: 1000, calibrationTexts: ['x'] }, /--budget: 1\.00 kB is less than/],
  ])('refuses %s', async (_, options, message) => {
    await expect(convert(options)).rejects.toThrow(UserError);
    await expect(convert(options)).rejects.toThrow(message);
  });
});
