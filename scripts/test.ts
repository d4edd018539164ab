import { spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Reporter, startVitest, type TestModule } from 'vitest/node';

/** Everything that CI runs. Words after the command narrow the tests down, as with vitest. The last line counts. */

const root = fileURLToPath(new URL('..', import.meta.url));
let [passed, failed] = [0, 0];
const skipped: string[] = [];

/** Runs a command; its success counts as one test. */
function check(claim: string, ...commands: readonly (readonly string[])[]): void {
  const isGood = commands.every(([program, ...args]) => {
    return spawnSync(program!, args, { cwd: root, stdio: 'inherit' }).status === 0;
  });
  console.log(`${isGood ? '✓' : '✗'} ${claim}`);
  if (isGood) passed++;
  else failed++;
}

function countModule(module: TestModule): void {
  const file = relative(root, module.moduleId);
  const brokenSuites = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  failed += brokenSuites.length;
  for (const test of module.children.allTests()) {
    const result = test.result();
    if (result.state === 'passed') passed++;
    else if (result.state === 'failed') failed++;
    else
      skipped.push(`${file}: ${test.fullName}${result.state === 'skipped' && result.note ? ` (${result.note})` : ''}`);
  }
}

const counter: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    for (const module of modules) countModule(module);
    failed += unhandledErrors.length;
  },
};

const WRANGLER_TYPES = ['wrangler', 'types', '--include-runtime=false', '--strict-vars=false', '--check'];
check('the kernels compile', ['node', 'scripts/build-kernel.ts']);
check('the page is bundled', ['node', 'scripts/build-page.ts']);
check(
  'the types fit',
  WRANGLER_TYPES,
  ['tsc', '-p', 'tsconfig.json'],
  ['tsc', '-p', 'tsconfig.node.json'],
  ['tsc', '-p', 'playground/tsconfig.json'],
  ['tsc', '-p', 'test/page/tsconfig.json'],
  ['tsc', '-p', 'test/worker/tsconfig.json'],
);
check('the linter is content', ['biome', 'check', '.']);

const vitest = await startVitest('test', process.argv.slice(2), { run: true, reporters: ['default', counter] });
await vitest.close();

for (const line of skipped) console.log(`skipped ${line}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
