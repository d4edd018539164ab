import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_TEXTS } from '../../cli/calibrate/texts.ts';
import { convertCheckpoint } from '../../cli/convert/convert.ts';
import { type Errors, errorsOf, peerErrors } from '../../test/support/fidelity.ts';
import { FIXTURES, fixtureDirectory, openModel, PRESETS, readGolden, readPeer } from '../../test/support/models.ts';
import type { Finding } from '../check.ts';

/** What the mean of 1 - dense cosine may be, in that of onnxruntime's int8 and nbits4; every other figure at most the peer's own. */
const DENSE_MEAN = { q8: 0.75, q4: 0.5 } as const;

/** Issue 9: calibrated conversion of both fixtures against onnxruntime's quantisers. Calibration texts are none of the golden ones. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-fidelity-'));
  const texts = new Set(CALIBRATION_TEXTS);
  try {
    for (const fixture of FIXTURES) {
      const golden = readGolden(fixture).texts;
      const shared = golden.filter(({ text }) => texts.has(text)).length;
      yield {
        claim: `${fixture}: calibration texts and golden texts are disjoint`,
        figure: `${shared} of ${golden.length} golden texts are among the ${texts.size} calibration texts`,
        verdict: shared === 0 ? 'ok' : 'short',
      };
      for (const preset of PRESETS) {
        const outDir = join(directory, `${fixture}-${preset}`);
        const checkpoint = fixtureDirectory(fixture);
        await convertCheckpoint({ checkpoint, outDir, preset, name: fixture, calibrationTexts: CALIBRATION_TEXTS });
        const embedder = await openModel(outDir);
        const embeddings = await embedder.embed(
          golden.map(({ text }) => text),
          { dense: true, sparse: true, colbert: true, truncate: true },
        );
        const errors = errorsOf(golden, embeddings, embedder.manifest.architecture.colbertSize);
        const peer = peerErrors(readPeer(fixture, preset));
        for (const name of Object.keys(errors) as (keyof Errors)[]) {
          const allowed = name === 'denseMean' ? DENSE_MEAN[preset] : 1;
          const ratio = errors[name] / peer[name];
          yield {
            claim: `${fixture} ${preset}: ${name} at most ${allowed} of onnxruntime's`,
            figure: `${errors[name].toExponential(2)}, ${ratio.toFixed(2)} of ${peer[name].toExponential(2)}`,
            verdict: ratio <= allowed ? 'ok' : 'short',
          };
        }
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}
