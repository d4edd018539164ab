import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/support/convert-models.ts',
          exclude: ['test/worker/**', 'test/process/**'],
        },
      },
    ],
  },
});
