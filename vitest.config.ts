import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const convertModels = 'test/support/convert-models.ts';
/** Generous: a slow or busy machine is no reason to fail, and tests assert no times. */
const timeouts = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 100_000, interval: 20 } } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/worker/**', 'test/workerd/**', 'test/process/**', 'test/page/**'],
          globalSetup: convertModels,
          ...timeouts,
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
          ...timeouts,
        },
      },
      {
        // Against raw `workerd serve` and a shard server of its own: the only place where a client's reset is real.
        test: {
          name: 'workerd',
          include: ['test/workerd/**/*.test.ts'],
          globalSetup: convertModels,
          ...timeouts,
        },
      },
      {
        // Starts servers and commands as a user does.
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          globalSetup: convertModels,
          ...timeouts,
        },
      },
      {
        // Drives the page in Chromium, where this machine has one.
        test: { name: 'page', include: ['test/page/**/*.test.ts'], ...timeouts },
      },
    ],
  },
});
