import { expect, it } from 'vitest';
import { appUnderTest } from '../support/call-app.ts';
import { fuzzRequests } from './hostile-bodies.ts';

it('3,000 mutated bodies are answered or refused with a clear error; npm run check requests sends 100,000', async () => {
  const { post, logged } = appUnderTest();
  const { accepted, refused, failures } = await fuzzRequests(3000, 1, post);
  expect(failures).toEqual([]);
  expect(logged).toEqual([]);
  expect(accepted).toBeGreaterThan(300);
  expect(refused).toBeGreaterThan(1000);
});
