import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDeployment, refuseOpenWorker, refusePlaceholder } from '../scripts/deploy/deployment.ts';
import { withoutDocuments } from '../scripts/deploy/without-documents.ts';

const settings = readFileSync(new URL('../wrangler.toml', import.meta.url), 'utf8');
const parse = (args: readonly string[], vars = {}, ids: readonly [id: string, name: string][] = []) =>
  parseDeployment(args, () => ({
    vars,
    d1_databases: ids.map(([database_id, database_name]) => ({ database_id, database_name })),
  }));

describe('parseDeployment', () => {
  it('keeps its own options, hands on the others, and names the environment', () => {
    const args = ['--allow-anonymous', '--assets', 'dir', '--dry-run', '--without-documents', '--name', 'other'];
    expect(parse(args)).toMatchObject({
      allowAnonymous: true,
      withoutDocuments: true,
      isRehearsal: true,
      assets: 'dir',
      wranglerArgs: ['--dry-run', '--name', 'other', '--env='],
    });
    expect(parse(['--env', 'onnx', '--assets=dir'])).toMatchObject({ assets: 'dir', wranglerArgs: ['--env', 'onnx'] });
  });

  it('asks for the settings of the environment that is deployed, and lets --var override them', () => {
    const asked: unknown[] = [];
    const { variables } = parseDeployment(['-e', 'onnx', '-c', 'a.toml', '--var', 'A:b:c'], (query) => {
      asked.push(query);
      return { vars: { A: '', CPU_MS: 300_000 }, d1_databases: [] };
    });
    expect(asked).toEqual([{ config: 'a.toml', env: 'onnx' }]);
    expect(variables).toEqual({ A: 'b:c', CPU_MS: '300000' });
  });
});

describe('refuseOpenWorker', () => {
  const refuse = (ALLOW_ANONYMOUS: string | undefined, allowAnonymous = false) =>
    refuseOpenWorker({ variables: { ALLOW_ANONYMOUS }, allowAnonymous });

  it('lets a Worker pass that answers nobody without a key', () => {
    for (const value of [undefined, '', 'false']) expect(() => refuse(value)).not.toThrow();
  });

  it('refuses one that everybody may read, until that is said', () => {
    for (const value of ['true', 'read']) {
      expect(() => refuse(value)).toThrow(/whoever finds the Worker.*--allow-anonymous/);
      expect(() => refuse(value, true)).not.toThrow();
    }
  });

  it('refuses one where everybody may write, whatever is said, and what makes no sense', () => {
    for (const value of ['write', 'admin', 'yes']) expect(() => refuse(value, true)).toThrow(/which is for local work/);
  });
});

describe('refusePlaceholder', () => {
  it("refuses to deploy documents without a database of the account's", () => {
    const placeholder = [['m3edge-documents', 'm3edge-documents']] as [string, string][];
    expect(() => refusePlaceholder(parse([], {}, placeholder))).toThrow(/wrangler d1 create.*--without-documents/);
    for (const args of [['--dry-run'], ['--without-documents']])
      expect(() => refusePlaceholder(parse(args, {}, placeholder))).not.toThrow();
    expect(() => refusePlaceholder(parse([], {}, [['0f-1e', 'm3edge-documents']]))).not.toThrow();
  });
});

describe('withoutDocuments', () => {
  it('takes database, queues and schedule out of wrangler.toml, and nothing else', () => {
    const left = withoutDocuments(settings);
    expect(left).not.toMatch(/^\[\[(d1_databases|queues)|^\[triggers\]/m);
    for (const table of ['[assets]', '[limits]', '[vars]', '[[migrations]]', '[observability]', '[env.onnx]'])
      expect(left).toContain(table);
    expect(() => withoutDocuments(left)).toThrow(/nothing .* to leave out/);
  });
});
