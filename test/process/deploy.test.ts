import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { modelDirectory, readManifest } from '../support/models.ts';
import { run } from '../support/run-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const model = modelDirectory('micro-m3', 'q8');
const temporary = mkdtempSync(join(tmpdir(), 'm3edge-deploy-'));
const assets = join(temporary, 'assets');
const settings = join(root, `wrangler.test-${process.pid}.toml`);
afterEach(() => rmSync(settings, { force: true }));
afterAll(() => rmSync(temporary, { recursive: true }));

const deploy = (args: readonly string[], env: Record<string, string> = { MODEL: model }) =>
  run([process.execPath, 'scripts/deploy.ts', '--assets', assets, ...args], '', env);

describe('npm run deploy', () => {
  it('stages page and model and hands both to wrangler', async () => {
    const { code, stdout, stderr } = await deploy(['--dry-run', '--outdir', join(temporary, 'bundle')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('deploy: ') });
    expect(stdout).toMatch(/staged micro-m3, q8, fingerprint [0-9a-f]{16}/);
    expect(stdout).toMatch(/Total Upload: .*--dry-run: exiting now/s);
    const staged = readdirSync(join(assets, 'model'));
    expect(staged.sort()).toEqual([...Object.keys(readManifest(model).files), 'manifest.json'].sort());
    expect(stdout).toContain('DOCUMENTS');
    expect(readdirSync(join(temporary, 'bundle'))).toContain('worker.js');
  });

  it('leaves out documents where it is told to, and a model that is read from R2; wrangler.toml stays as it is', async () => {
    const before = readFileSync(join(root, 'wrangler.toml'), 'utf8');
    const { code, stdout } = await deploy(['--dry-run', '--without-documents', '--var', 'MODEL_SOURCE:r2:bge-m3']);
    expect(code).toBe(0);
    expect(stdout).toContain('the model is read from r2:bge-m3');
    expect(readdirSync(assets)).not.toContain('model');
    expect(stdout).toContain('env.TOKEN_BUDGETS');
    expect(stdout).not.toMatch(/env\.DOCUMENTS|env\.DOCUMENT_QUEUE/);
    expect(readFileSync(join(root, 'wrangler.toml'), 'utf8')).toBe(before);
    expect(readdirSync(root).filter((name) => /^wrangler\.\d+\.toml$/.test(name))).toEqual([]);
  });

  it('refuses an open Worker before anything is staged', async () => {
    const { code, stdout, stderr } = await deploy(['--dry-run', '--var', 'ALLOW_ANONYMOUS:true']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/whoever finds the Worker may spend your CPU time/);
  });

  it('reads what the environment that is deployed says, in whatever file', async () => {
    const text = readFileSync(join(root, 'wrangler.toml'), 'utf8');
    const [top, onnx] = text.split('[env.onnx]') as [string, string];
    const open = onnx.replace('ALLOW_ANONYMOUS = ""', 'ALLOW_ANONYMOUS = "true"');
    writeFileSync(settings, `${top}[env.onnx]${open}`);
    const refused = await deploy(['--dry-run', '--config', settings, '--env', 'onnx']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('ALLOW_ANONYMOUS is true') });
    const allowed = await deploy(['--dry-run', '--allow-anonymous', '--config', settings, '--env', 'onnx']);
    expect({ code: allowed.code, stderr: allowed.stderr }).toMatchObject({ code: 0 });
  });
});
