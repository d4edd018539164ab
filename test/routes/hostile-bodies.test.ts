import { expect, it } from 'vitest';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';
import { modelDirectory, openModel } from '../support/models.ts';
import { fuzzRequests } from './hostile-bodies.ts';

it('D49: 3,000 mutated bodies, for every route, are answered or refused with a clear error; npm run check requests sends 100,000', async () => {
  const { tokenizer } = await openModel(modelDirectory('micro-m3', 'q8'));
  const { post, logged } = appUnderTest(async () => fakeEmbedder({ tokenizer }));
  const { accepted, refused, failures } = await fuzzRequests(3000, 1, post);
  expect(failures).toEqual([]);
  expect(logged).toEqual([]);
  expect(accepted).toBeGreaterThan(300);
  expect(refused).toBeGreaterThan(1000);
});
