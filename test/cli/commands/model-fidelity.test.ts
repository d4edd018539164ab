import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from 'citty';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { fidelityCommand } from '../../../cli/commands/model-fidelity.ts';
import { findBadFiles } from '../../../cli/commands/model-verify.ts';
import type { Report } from '../../../cli/fidelity/report.ts';
import { UserError } from '../../../cli/user-error.ts';
import { appUnderTest } from '../../support/call-app.ts';
import { fixtureDirectory, modelDirectory, openModel, readManifest } from '../../support/models.ts';

describe('m3edge model fidelity', () => {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-fidelity-'));
  const model = join(directory, 'model');
  const texts = join(directory, 'texts.txt');
  const against = fixtureDirectory('micro-m3');
  const run = (...rawArgs: string[]) => runCommand(fidelityCommand, { rawArgs: [model, ...rawArgs] });
  beforeAll(() => {
    cpSync(modelDirectory('micro-m3', 'q8'), model, { recursive: true });
    writeFileSync(texts, 'one text\n\nanother one, somewhat longer\r\nund noch einer\n');
    vi.spyOn(console, 'log').mockImplementation(() => {});
  });
  afterEach(() => vi.clearAllMocks());
  afterAll(() => rmSync(directory, { recursive: true }));
  const report = (): Report => JSON.parse(readFileSync(join(model, 'fidelity.json'), 'utf8'));

  // 192 texts through two models: 2 s on an idle machine.
  it('measures the bundled texts in all sixteen languages, shows them at /info, and leaves the model as it was', async () => {
    await run('--against', against);
    const { texts: set, total, languages, preset } = report();
    expect(set).toMatchObject({ source: 'bundled', count: 192 });
    expect(preset).toBe('q8');
    expect(Object.keys(languages)).toHaveLength(16);
    expect(total.dense.mean).toBeGreaterThan(0);
    expect(total.dense.mean).toBeLessThan(1e-3); // q8 calibrated: 1.3e-4
    expect(total.sparse.overlap).toBeGreaterThan(0.95);
    expect(total.ranking!.dense.kendall).toBeGreaterThan(0.9);
    expect(readFileSync(join(model, 'fidelity.html'), 'utf8')).toContain('what quantisation left');
    expect(findBadFiles(model, readManifest(model).files)).toEqual([]);
    const [measured, before] = [await openModel(model), await openModel(modelDirectory('micro-m3', 'q8'))];
    expect(measured.fingerprint).toBe(before.fingerprint);
    const { json } = await appUnderTest(async () => measured).send('/info');
    expect(json.fidelity).toEqual({
      texts: 192,
      tokens: report().texts.tokens,
      dense: total.dense,
      colbert: total.colbert,
      sparse: { overlap: total.sparse.overlap, weight_error: total.sparse.weightError },
    });
  });

  it("measures a user's own lines, each but asked for among all the others", async () => {
    await run('--against', against, '--texts', texts);
    const { texts: set, total, languages } = report();
    expect(set).toMatchObject({ source: 'texts.txt', count: 3 });
    expect(Object.keys(languages)).toEqual(['own']);
    expect(total.ranking).toBeDefined();
  });

  it.each([
    [
      'a checkpoint of another shape',
      ['--against', fixtureDirectory('micro-m3-bin')],
      /hiddenSize is 128, the model's is 64/,
    ],
    ['no checkpoint', ['--against', join(directory, 'nothing')], /not a directory/],
    [
      'texts that are not there',
      ['--against', against, '--texts', join(directory, 'none.txt')],
      /none\.txt: cannot be read/,
    ],
  ])('refuses %s', async (_, args, message) => {
    await expect(run(...args)).rejects.toThrow(UserError);
    await expect(run(...args)).rejects.toThrow(message);
  });
});
