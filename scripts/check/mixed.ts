import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_TEXTS } from '../../cli/calibrate/texts.ts';
import { type ConvertOptions, convertCheckpoint } from '../../cli/convert/convert.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { type Errors, errorsOf } from '../../test/support/fidelity.ts';
import { FIXTURES, type Fixture, fixtureDirectory, openModel, readGolden } from '../../test/support/models.ts';
import type { Finding } from '../check.ts';

/** Shares of what 8 bits take more than 4. */
const SHARES = [0.1, 0.25, 0.35, 0.5, 0.75] as const;
/** Of q8's error: what counts as near to q8. Another set of calibration texts moves a mean by a tenth. */
const AS_GOOD = 1.2;
/** Of q8's bytes, that it takes at most. */
const BYTES = 0.8;

interface Mixture {
  readonly bytes: number;
  readonly errors: Errors;
}

/** `--quant auto`: error against budget, on both fixtures. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-mixed-'));
  try {
    for (const fixture of FIXTURES) {
      const make = (options: Pick<ConvertOptions, 'preset' | 'budgetBytes'>) =>
        convert(fixture, join(directory, 'model'), options);
      const [q4, q8] = [await make({ preset: 'q4' }), await make({ preset: 'q8' })];
      let smallest = q8;
      for (const share of SHARES) {
        const budgetBytes = Math.floor(q4.bytes + share * (q8.bytes - q4.bytes));
        const mixed = await make({ preset: 'auto', budgetBytes });
        const isAsGood = mixed.errors.denseMean <= AS_GOOD * q8.errors.denseMean;
        if (isAsGood && mixed.bytes < smallest.bytes) smallest = mixed;
        yield {
          claim: `${fixture}, a budget of ${budgetBytes} bytes: kept, with less error than q4's ${figures(q4)}`,
          figure: `${mixed.bytes} bytes, ${figures(mixed)}`,
          verdict: mixed.bytes <= budgetBytes && mixed.errors.denseMean <= q4.errors.denseMean ? 'ok' : 'short',
        };
      }
      yield {
        claim: `${fixture}: q8's dense mean, within a fifth, in at most ${BYTES} of its ${q8.bytes} bytes`,
        figure: `${smallest.bytes} bytes (${(smallest.bytes / q8.bytes).toFixed(2)}), ${figures(smallest)}; q8 has ${figures(q8)}`,
        verdict: smallest.bytes <= BYTES * q8.bytes ? 'ok' : 'short',
      };
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function convert(
  fixture: Fixture,
  outDir: string,
  options: Pick<ConvertOptions, 'preset' | 'budgetBytes'>,
): Promise<Mixture> {
  const checkpoint = fixtureDirectory(fixture);
  const manifest = await convertCheckpoint({
    checkpoint,
    outDir,
    name: fixture,
    calibrationTexts: CALIBRATION_TEXTS,
    ...options,
  });
  const golden = readGolden(fixture).texts;
  const embedder = await openModel(outDir);
  const embeddings = await embedder.embed(
    golden.map(({ text }) => text),
    { dense: true, sparse: true, colbert: true, truncate: true },
  );
  return {
    bytes: layerBytes(manifest),
    errors: errorsOf(golden, embeddings, manifest.architecture.colbertSize),
  };
}

const layerBytes = ({ files }: Manifest) =>
  Object.entries(files).reduce((sum, [name, { bytes }]) => (name.startsWith('layer-') ? sum + bytes : sum), 0);

const figures = ({ errors: { denseMean, colbertMean } }: Mixture) =>
  `dense ${denseMean.toExponential(2)}, ColBERT ${colbertMean.toExponential(2)}`;
