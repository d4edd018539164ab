import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from 'citty';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { uploadCommand } from '../../../cli/commands/model-upload.ts';
import { openBucket } from '../../../cli/upload/bucket.ts';
import { openLocalR2 } from '../../../cli/upload/local-bucket.ts';
import { UserError } from '../../../cli/user-error.ts';
import { modelDirectory, readManifest } from '../../support/models.ts';

const MODEL = modelDirectory('micro-m3', 'q8');

describe('m3edge model upload', () => {
  let printed = '';
  beforeEach(() => {
    printed = '';
    vi.spyOn(console, 'log').mockImplementation((line) => {
      printed += `${line}\n`;
    });
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    for (const name of ['R2_ACCESS_KEY_ID', 'R2_SECRET_ACCESS_KEY', 'CLOUDFLARE_ACCOUNT_ID']) vi.stubEnv(name, '');
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });
  const upload = (...options: string[]) => runCommand(uploadCommand, { rawArgs: [MODEL, '--bucket', 'b', ...options] });

  it('names what is missing to reach the bucket', async () => {
    await expect(upload()).rejects.toThrow(
      /set R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, CLOUDFLARE_ACCOUNT_ID \(or --endpoint\): .*; or --local/,
    );
    vi.stubEnv('R2_ACCESS_KEY_ID', 'a');
    await expect(upload('--endpoint', 'http://s3')).rejects.toThrow(/^set R2_SECRET_ACCESS_KEY: /);
  });

  it.each([
    ['--name', 'a/b'],
    ['--name', ''],
    ['--parallel', '0'],
  ])('refuses %s %j', async (option, value) => {
    await expect(upload(option, value)).rejects.toThrow(UserError);
  });

  it("fills wrangler dev's R2, and prints what to configure", async () => {
    const state = mkdtempSync(join(tmpdir(), 'm3edge-r2-'));
    try {
      await upload('--local', '--persist-to', state, '--name', 'mine');
      expect(printed).toContain('MODEL_SOURCE = "r2:mine"');
      expect(printed).toContain('bucket_name = "b"');
      const { access, close } = await openLocalR2('b', state);
      const objects = await openBucket(access).list('');
      await close();
      expect(objects.size).toBe(Object.keys(readManifest(MODEL).files).length + 1);
      expect(objects.has('mine/manifest.json')).toBe(true);
    } finally {
      rmSync(state, { recursive: true });
    }
  });
});
