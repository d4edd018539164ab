import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/support/convert-models.ts', // once, before all projects
    projects: [
      {
        extends: true,
        test: { name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/worker/**', 'test/process/**'] },
      },
      {
        // In workerd, with the bindings of wrangler.toml; only the assets are the fixtures'.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { assets: { directory: '.m3edge/test/assets', binding: 'ASSETS' } },
          }),
        ],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          globalSetup: 'test/support/provide-embeddings.ts',
        },
      },
      {
        // Starts servers and commands as a user does.
        test: { name: 'process', include: ['test/process/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
