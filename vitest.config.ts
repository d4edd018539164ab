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
          exclude: ['test/worker/**', 'test/process/**'],
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
