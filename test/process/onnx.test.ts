import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DevServer, startDevServer } from '../support/dev-server.ts';
import { modelDirectory, readGolden } from '../support/models.ts';
import { jsonLines, M3EDGE, m3edge } from '../support/run-command.ts';

const model = modelDirectory('micro-m3', 'q8');
const texts = readGolden('micro-m3').texts.map(({ text }) => text);

describe('m3edge dev --engine onnx', () => {
  let server: DevServer;
  // V8 compiles 14 MB of wasm: seconds, on a busy machine many.
  beforeAll(async () => {
    server = await startDevServer(model, [...M3EDGE, 'dev', '--engine', 'onnx']);
  });
  afterAll(() => server?.stop());

  const encode = async (): Promise<number[][]> => {
    const response = await fetch(`${server.url}/encode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ texts, truncate: true }),
    });
    expect(response.status).toBe(200);
    return ((await response.json()) as { dense_vecs: number[][] }).dense_vecs;
  };
  const encodeHere = async (engine: string): Promise<number[][]> => {
    const input = texts.map((text) => `${JSON.stringify(text)}\n`).join('');
    const args = ['encode', '--model', model, '--engine', engine, '--truncate', '--json'];
    const { stdout } = await m3edge(args, input);
    return jsonLines(stdout).map((line) => (line as { dense_vecs: number[] }).dense_vecs);
  };
  const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

  it('runs onnxruntime in workerd: dense cosine with the wasm engine at least .999', async () => {
    const info = (await (await fetch(`${server.url}/info`)).json()) as { engine: { name: string } };
    expect(info.engine.name).toBe('onnx');
    const expected = await encodeHere('wasm');
    const dense = await encode();
    expect(dense.length).toBe(texts.length);
    for (const [i, vector] of dense.entries()) expect(cosine(vector, expected[i]!)).toBeGreaterThan(0.999);
  });

  it('gives the bits that m3edge encode --engine onnx gives in Node', async () => {
    expect(await encode()).toEqual(await encodeHere('onnx'));
  });
});
