import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const convertModels = 'test/support/convert-models.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/worker/**', 'test/workerd/**', 'test/process/**'],
          globalSetup: convertModels,
        },
      },
      {
        // In workerd, with the bindings of wrangler.toml; only the assets are the fixtures'.
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              assets: { directory: inject<string>('assets'), binding: 'ASSETS' },
              r2Buckets: ['MODELS'],
              bindings: { ALLOW_ANONYMOUS: 'admin', ANSWER_CACHE: 'off', ACCESS_LOG: 'off' },
            },
          })),
        ],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          globalSetup: [convertModels, 'test/support/provide-embeddings.ts'],
        },
      },
      {
        // Against raw `workerd serve` and a shard server of its own: the only place where a client's reset is real.
        test: {
          name: 'workerd',
          include: ['test/workerd/**/*.test.ts'],
          globalSetup: convertModels,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Starts servers and commands as a user does.
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          globalSetup: convertModels,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
