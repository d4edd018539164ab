import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, request as openRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubServer, startHub } from '../support/hub-server.ts';
import { fixtureDirectory, readManifest } from '../support/models.ts';
import { jsonLines, m3edge, startM3edge } from '../support/run-command.ts';

const REPOSITORY = 'acme/micro-m3-bin';
const WEIGHTS = 'pytorch_model.bin';

let home: string;
let hub: HubServer;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-pull-'));
  hub = await startHub({ repository: REPOSITORY, files: fixtureDirectory('micro-m3-bin'), token: 'hf_secret' });
});
afterAll(async () => {
  await hub.stop();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  hub.asked.length = 0;
  hub.faults.length = 0;
});

const args = (out: string, ...more: string[]) => [
  'model',
  'pull',
  REPOSITORY,
  '--out',
  out,
  '--rounding',
  'nearest',
  ...more,
];
const environment = (changes = {}) => ({ HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secret', ...changes });
const pull = (out: string, more: string[] = [], changes = {}) => m3edge(args(out, ...more), '', environment(changes));
const digestOf = (directory: string) => {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory).sort()) hash.update(name).update(readFileSync(join(directory, name)));
  return hash.digest('hex');
};

describe('m3edge model pull', () => {
  it('makes the model that the converter makes of the same files, and says how to go on', async () => {
    const [out, converted] = [join(home, 'pulled'), join(home, 'converted')];
    const { code, stdout, stderr } = await pull(out);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('download 100 % of') });
    expect(stdout).toMatch(/q8, fingerprint [0-9a-f]{16}\n/);
    expect(stdout).toContain(`npx m3edge dev --model ${out}`);
    expect(readManifest(out).model).toEqual({
      name: 'micro-m3-bin',
      upstream: REPOSITORY,
      revision: hub.commit,
      licence: 'unknown',
    });
    expect(readdirSync(home)).toEqual(['pulled']); // the checkpoint is gone

    const origin = ['--upstream', REPOSITORY, '--revision', hub.commit, '--name', 'micro-m3-bin'];
    const checkpoint = fixtureDirectory('micro-m3-bin');
    await m3edge(['model', 'convert', checkpoint, '--out', converted, '--rounding', 'nearest', ...origin]);
    expect(digestOf(out)).toBe(digestOf(converted));

    const asked = stdout.split('\n').find((line) => line.startsWith('ask it:'))!;
    expect(asked).toContain(`m3edge encode --sparse --model ${out}`);
    const answer = await m3edge(['encode', '--sparse', '--model', out], 'What is BGE M3?');
    expect(jsonLines(answer.stdout)).toHaveLength(1);
  });

  it('goes on after Ctrl-C in the middle, and keeps the checkpoint where it is told to', async () => {
    const [out, keep] = [join(home, 'resumed'), join(home, 'kept')];
    hub.faults.push({ file: WEIGHTS, kind: 'stall' });
    const child = startM3edge(args(out, '--keep', keep), environment());
    let stderr = '';
    child.stderr!.on('data', (text) => (stderr += text));
    const partBytes = () =>
      existsSync(keep) &&
      readdirSync(keep)
        .filter((name) => name.startsWith(`.${WEIGHTS}.`))
        .map((name) => statSync(join(keep, name)).size);
    await expect.poll(partBytes).toEqual([100]); // all that has been sent
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(stderr).toMatch(/stopped; .*is as it was\. What is downloaded stays in .*goes on from there/);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(keep)).not.toContain(WEIGHTS);

    const { code, stdout } = await pull(out, ['--keep', keep]);
    expect(code).toBe(0);
    expect(stdout).toContain(`m3edge model fidelity ${out} --against ${keep}`);
    expect(hub.asked.at(-1)?.range).toBe('bytes=100-');
    for (const name of readdirSync(keep))
      expect(readFileSync(join(keep, name)).equals(hub.files.get(name)!)).toBe(true);
  });

  it.each<[string, () => Parameters<typeof pull>, RegExp]>([
    ['a wrong token', () => [join(home, 'no'), [], { HF_TOKEN: 'hf_other' }], /401 .*HF_TOKEN is not accepted/],
    [
      'no such revision',
      () => [join(home, 'no'), ['--revision', 'v9']],
      /at v9: .*--revision a branch, a tag or a commit/,
    ],
    ['a Hub that is not there', () => [join(home, 'no'), [], { HF_ENDPOINT: 'nowhere' }], /HF_ENDPOINT must be a URL/],
    [
      'a budget without auto’s calibration',
      () => [join(home, 'no'), ['--quant', 'auto']],
      /--quant auto: needs --budget/,
    ],
    ['something else at --out', () => [home], /not empty, and not a model; choose another --out/],
    [
      'a damaged file',
      () => {
        hub.faults.push({ file: WEIGHTS, kind: 'corrupt' });
        return [join(home, 'no')];
      },
      /pytorch_model\.bin: its sha256 is not the Hub's/,
    ],
  ])('refuses %s with exit code 2, and makes no model', async (_, arrange, words) => {
    const { code, stderr } = await pull(...arrange());
    const last = stderr.slice(stderr.lastIndexOf('m3edge: '));
    expect({ code, last }).toEqual({ code: 2, last: expect.stringMatching(words) });
    expect(last.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(join(home, 'no'))).toBe(false);
  });

  it('goes through HTTP_PROXY, but not to the hosts of NO_PROXY', async () => {
    const tunnels: string[] = [];
    const proxy = createServer((request, response) => {
      tunnels.push(new URL(request.url!).host);
      const { method, headers } = request;
      request.pipe(
        openRequest(request.url!, { method, headers }, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    proxy.on('connect', ({ url }: { url: string }, client) => {
      tunnels.push(url);
      const [host, port] = url.split(':');
      const server = connect(Number(port), host, () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
      server.pipe(client).pipe(server);
      for (const end of [client, server]) end.on('error', () => {});
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { code, stderr } = await pull(join(home, 'proxied'), [], { HTTP_PROXY, NO_PROXY: 'localhost' });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(new Set(tunnels)).toEqual(new Set([new URL(hub.url).host]));
    expect(hub.asked.some(({ host }) => host.startsWith('localhost'))).toBe(true);
    proxy.closeAllConnections();
    proxy.close();
  });
});
