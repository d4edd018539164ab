import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every way to deploy of docs/deploy.md, as far as wrangler goes without an account. */
const VARIANTS: Readonly<Record<string, { readonly args: readonly string[]; readonly binds: readonly RegExp[] }>> = {
  'model in assets': { args: [], binds: [/env\.ASSETS/, /env\.DOCUMENTS/] },
  'without documents': { args: ['--without-documents'], binds: [/env\.ASSETS/] },
  'model in R2': { args: ['--var', 'MODEL_SOURCE:r2:bge-m3'], binds: [/env\.MODELS .*R2 Bucket/, /r2:bge-m3/] },
  'the onnx engine': { args: ['--env', 'onnx'], binds: [/env\.ASSETS/] },
};

export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-deploy-'));
  const withR2 = join(root, `wrangler.${process.pid}.toml`); // its paths are relative
  try {
    writeFileSync(withR2, enableModelBucket(readFileSync(join(root, 'wrangler.toml'), 'utf8')));
    for (const [variant, { args, binds }] of Object.entries(VARIANTS)) {
      const config = variant === 'model in R2' ? ['--config', withR2] : [];
      const options = ['--dry-run', '--assets', join(directory, 'assets'), '--outdir', join(directory, 'bundle')];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['scripts/deploy.ts', ...options, ...config, ...args],
        { cwd: root, encoding: 'utf8', env: { ...process.env, MODEL: 'model-shards/demo' } },
      );
      const printed = stripVTControlCharacters(stdout);
      const upload = /Total Upload: .*/.exec(printed)?.[0] ?? stderr.trim().split('\n').at(-1)!;
      const isBound = binds.every((binding) => binding.test(printed));
      yield {
        claim: `npm run deploy -- --dry-run, ${variant}: wrangler builds it, with its bindings`,
        figure: `${upload}; exit code ${status}`,
        verdict: status === 0 && isBound ? 'ok' : 'short',
      };
    }
    const open = spawnSync(process.execPath, ['scripts/deploy.ts', '--dry-run', '--var', 'ALLOW_ANONYMOUS:true'], {
      cwd: root,
      encoding: 'utf8',
    });
    yield {
      claim: 'an open Worker is refused: exit code 2',
      figure: open.stderr.trim(),
      verdict: open.status === 2 && /whoever finds the Worker/.test(open.stderr) ? 'ok' : 'short',
    };
  } finally {
    rmSync(directory, { recursive: true });
    rmSync(withR2, { force: true });
  }
}

/** The table that wrangler.toml holds as a comment. */
function enableModelBucket(settings: string): string {
  const table = /^# (\[\[r2_buckets\]\] .*MODEL_SOURCE.*\n)# (binding = "MODELS"\n)# (bucket_name = .*\n)/m;
  if (!table.test(settings)) throw new Error('wrangler.toml: no comment with the bucket of models');
  return settings.replace(table, '$1$2$3');
}
