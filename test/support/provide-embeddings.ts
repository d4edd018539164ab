import { join } from 'node:path';
import { readD1Migrations } from '@cloudflare/vitest-plugin';
import type { TestProject } from 'vitest/node';
import { projectRoot } from '../../cli/installation.ts';
import { digestOf } from './digest.ts';
import { FIXTURES, modelDirectory, openModel, PRESETS, readGolden } from './models.ts';
import type { ProvidedModels } from './provided.ts';

/** Global set-up of the tests that run in workerd: every golden text embedded in Node, for comparison; the database's migrations. */
export default async function provideEmbeddings(project: TestProject): Promise<void> {
  const models: Record<string, ProvidedModels[string]> = {};
  for (const fixture of FIXTURES) {
    const texts = readGolden(fixture).texts.map(({ text }) => text);
    for (const preset of PRESETS) {
      const embedder = await openModel(modelDirectory(fixture, preset));
      const embeddings = await embedder.embed(texts, { dense: true, sparse: true, colbert: true, truncate: true });
      models[`${fixture}-${preset}`] = { fingerprint: embedder.fingerprint, digests: embeddings.map(digestOf) };
    }
  }
  project.provide('models', models);
  project.provide('migrations', await readD1Migrations(join(projectRoot, 'migrations')));
}
