import { describe, expect, it } from 'vitest';
import type { Embedding } from '../../src/embedder.ts';
import { appUnderTest } from '../support/call-app.ts';
import { modelDirectory, openModel } from '../support/models.ts';

const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
const { post } = appUnderTest(async () => embedder);
const { hiddenSize, colbertSize, vocabularySize } = embedder.manifest.architecture;
const texts = ['What is BGE M3?', 'BM25 is a bag-of-words function, BM25'];
const everything = { return_dense: true, return_sparse: true, return_colbert_vecs: true };
const embedded = await embedder.embed(texts, { dense: true, sparse: true, colbert: true });
const [first] = embedded as [Required<Embedding>, Required<Embedding>];
const encode = (body: object, headers = {}) => post('/encode', { texts, ...body }, headers);
const rounded = (values: readonly number[]) => values.map(Math.fround);
const cutRow = (row: ArrayLike<number>, size: number) => {
  const kept = Array.from(row).slice(0, size);
  return kept.map((value) => expect.closeTo(value / Math.hypot(...kept), 6));
};

const native = (await encode({ ...everything, sparse_format: 'indices_values' })).json;
const dict = (await encode({ return_sparse: true })).json.lexical_weights[0];
const [dense, sparse, colbert] = [native.dense_vecs[0], native.lexical_weights[0], native.colbert_vecs[0]];
const { fingerprint } = embedder;

describe('sparse_format', () => {
  const weightsAs = async (sparse_format: string) =>
    (await encode({ return_dense: false, return_sparse: true, sparse_format })).json.lexical_weights[0];
  const ids = [...first.lexicalWeights.keys()];
  const weights = [...first.lexicalWeights.values()];

  it('dict, the default, maps ids to weights', async () => {
    expect(rounded(Object.values(await weightsAs('dict')))).toEqual(weights);
    const { json } = await encode({ return_dense: false, return_sparse: true });
    expect(json.lexical_weights[0]).toEqual(await weightsAs('dict'));
  });

  it('indices_values has two lists, ids ascending', async () => {
    const { indices, values } = await weightsAs('indices_values');
    expect(indices).toEqual(ids);
    expect(rounded(values)).toEqual(weights);
  });

  it('tei is the list of /embed_sparse', async () => {
    expect([await weightsAs('tei')]).toEqual((await post('/embed_sparse', { inputs: texts[0] })).json);
  });

  it('tokens says each id’s text, as FlagEmbedding’s convert_id_to_token does', async () => {
    const tokens = await weightsAs('tokens');
    expect(tokens).toEqual(
      ids.map((id, i) => ({
        token_id: id,
        token: embedder.tokenizer.decode([id]),
        weight: expect.closeTo(weights[i]!, 6),
      })),
    );
  });

  it('pgvector is a sparsevec, which counts from 1', async () => {
    const text: string = await weightsAs('pgvector');
    const [, inner, size] = /^\{(.*)\}\/(\d+)$/.exec(text)!;
    expect(Number(size)).toBe(vocabularySize);
    const entries = inner!.split(',').map((entry) => entry.split(':').map(Number));
    expect(entries.map(([index]) => index! - 1)).toEqual(ids);
    expect(rounded(entries.map(([, weight]) => weight!))).toEqual(weights);
  });
});

describe('dimensions', () => {
  it('cuts the dense vector and every ColBERT row, makes them unit vectors again, and says so', async () => {
    const { json } = await encode({ ...everything, dimensions: 16 });
    expect(json.lossy).toEqual(['dimensions']);
    expect(json.dense_vecs[0]).toEqual(cutRow(first.dense, 16));
    const rows = json.colbert_vecs[0];
    expect(rows).toHaveLength(first.tokenIds.length - 1);
    for (const [i, row] of rows.entries()) {
      expect(row).toEqual(cutRow(first.colbert.subarray(i * colbertSize, (i + 1) * colbertSize), 16));
    }
  });

  it('holds in ndjson too, each line saying so', async () => {
    const { json } = await encode({ ...everything, dimensions: 16 });
    const { text } = await encode({ ...everything, dimensions: 16 }, { accept: 'application/x-ndjson' });
    const line = JSON.parse(text.split('\n')[0]!);
    expect(line).toMatchObject({ dense_vecs: json.dense_vecs[0], colbert_vecs: json.colbert_vecs[0] });
    expect(line.lossy).toEqual(['dimensions']);
  });

  it('loses nothing where it keeps all', async () => {
    const { json } = await encode({ dimensions: hiddenSize });
    expect(json).not.toHaveProperty('lossy');
    expect(rounded(json.dense_vecs[0])).toEqual([...first.dense]);
  });

  it('of what is not asked for loses nothing', async () => {
    const { json, headers } = await encode({ return_dense: false, return_sparse: true, dimensions: 16 });
    expect(json).not.toHaveProperty('lossy');
    expect(headers.get('x-embedding-lossy')).toBeNull();
    expect((await encode({ top_k: 1, min_weight: 1 })).json).not.toHaveProperty('lossy');
  });

  it('says so in a header, since records have no place for it', async () => {
    const request = { return_sparse: true, dimensions: 16, top_k: 1, format: 'milvus' };
    for (const accept of ['application/json', 'application/x-ndjson']) {
      expect((await encode(request, { accept })).headers.get('x-embedding-lossy')).toBe('dimensions,top_k');
    }
  });

  it('is at most what the model has', async () => {
    const { status, json } = await encode({ dimensions: hiddenSize + 1 });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ param: 'dimensions', message: expect.stringContaining(String(hiddenSize)) });
  });
});

describe('top_k and min_weight', () => {
  const heaviest = [...first.lexicalWeights].sort(([, a], [, b]) => b - a);

  it('keep the heaviest tokens, ids still ascending', async () => {
    const { json } = await encode({ return_sparse: true, top_k: 2 });
    expect(json.lossy).toEqual(['top_k']);
    expect(Object.keys(json.lexical_weights[0]).map(Number)).toEqual(
      heaviest
        .slice(0, 2)
        .map(([id]) => id)
        .sort((a, b) => a - b),
    );
  });

  it('keep what weighs enough', async () => {
    const [, [id, weight]] = heaviest as [unknown, [number, number]];
    const { json } = await encode({ return_sparse: true, min_weight: weight });
    expect(json.lossy).toEqual(['min_weight']);
    expect(Object.keys(json.lexical_weights[0])).toHaveLength(2);
    expect(json.lexical_weights[0]).toHaveProperty(String(id));
  });
});

describe('format', () => {
  const rows = async (format: string, parts: object = {}, ids?: unknown) => {
    const { status, json } = await encode({ return_sparse: true, ...parts, format, ...(ids !== undefined && { ids }) });
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual(['model', 'fingerprint', 'rows', 'usage']);
    return json.rows;
  };

  it('qdrant: points', async () => {
    const [point] = await rows('qdrant', { return_colbert_vecs: true }, [7, '5c56c793-69f3-4fbf-87e6-c4bf54c28c26']);
    expect(point).toEqual({ id: 7, vector: { dense, sparse, colbert }, payload: { fingerprint } });
  });

  it('milvus: entities', async () => {
    expect((await rows('milvus'))[0]).toEqual({ id: 0, dense, sparse: dict, fingerprint });
  });

  it('pinecone: vectors, ids as strings', async () => {
    expect((await rows('pinecone', {}, ['a', 'b']))[0]).toEqual({
      id: 'a',
      values: dense,
      sparseValues: sparse,
      metadata: { fingerprint },
    });
    expect((await rows('pinecone'))[1].id).toBe('1');
  });

  it('elasticsearch: operations of a bulk request, an action and a document each', async () => {
    const operations = await rows('elasticsearch', { return_colbert_vecs: true });
    expect(operations).toHaveLength(4);
    expect(operations.slice(0, 2)).toEqual([{ index: { _id: '0' } }, { dense, sparse: dict, colbert, fingerprint }]);
  });

  it('vespa: documents, ColBERT rows by their number', async () => {
    const [row] = await rows('vespa', { return_colbert_vecs: true });
    expect(row).toEqual({ id: '0', fields: { dense, sparse: dict, colbert: { ...colbert }, fingerprint } });
  });

  it('upstash: vectors', async () => {
    const [row] = await rows('upstash');
    expect(row).toEqual({ id: '0', vector: dense, sparseVector: sparse, metadata: { fingerprint } });
  });

  it('pgvector: literals', async () => {
    const [row] = await rows('pgvector');
    expect(row).toMatchObject({ id: 0, fingerprint });
    expect(JSON.parse(row.dense)).toEqual(dense);
    expect(row.sparse).toBe(
      `{${sparse.indices.map((id: number, i: number) => `${id + 1}:${sparse.values[i]}`)}}/${vocabularySize}`,
    );
  });

  it('vectorize: vectors, and nothing but them', async () => {
    const [row] = await rows('vectorize', { return_sparse: false });
    expect(row).toEqual({ id: '0', values: dense, metadata: { fingerprint } });
  });

  it('as ndjson gives the records alone, as bulk files have them', async () => {
    const ndjson = { accept: 'application/x-ndjson' };
    const vectors = await encode({ format: 'vectorize' }, ndjson);
    expect(
      vectors.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(await rows('vectorize', { return_sparse: false }));
    const bulk = await encode({ format: 'elasticsearch', return_sparse: true, return_colbert_vecs: true }, ndjson);
    expect(
      bulk.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(await rows('elasticsearch', { return_colbert_vecs: true }));
  });

  it('as events gives each record in one event', async () => {
    const { text } = await encode({ format: 'elasticsearch' }, { accept: 'text/event-stream' });
    const events = text.split('\n\n').filter((event) => event.startsWith('event: embedding'));
    expect(events).toHaveLength(2);
    expect(
      events[0]!
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line.slice('data: '.length))),
    ).toEqual((await rows('elasticsearch', { return_sparse: false })).slice(0, 2));
  });

  it('keeps what dimensions and top_k leave', async () => {
    const { json } = await encode({ return_sparse: true, format: 'qdrant', dimensions: 16, top_k: 1 });
    expect(json.lossy).toEqual(['dimensions', 'top_k']);
    expect(json.rows[0].vector.dense).toEqual(cutRow(first.dense, 16));
    expect(json.rows[0].vector.sparse.indices).toHaveLength(1);
  });

  it.each([
    [{ format: 'chroma' }, 'format'],
    [{ format: 'qdrant', encoding_format: 'base64' }, 'encoding_format'],
    [{ format: 'qdrant', sparse_format: 'tei' }, 'sparse_format'],
    [{ format: 'vectorize', return_sparse: true }, 'return_sparse'],
    [{ format: 'milvus', return_colbert_vecs: true }, 'return_colbert_vecs'],
    [{ format: 'pgvector', return_colbert_vecs: true }, 'return_colbert_vecs'],
    [{ format: 'milvus', ids: [1] }, 'ids'],
    [{ format: 'milvus', ids: [1, 'a b'] }, 'ids[1]'],
    [{ format: 'qdrant', ids: [1, 'doc-1'] }, 'ids[1]'],
    [{ ids: [1, 2] }, 'ids'],
    [{ dimensions: 0 }, 'dimensions'],
    [{ dimensions: 1.5 }, 'dimensions'],
    [{ top_k: 0 }, 'top_k'],
    [{ min_weight: -1 }, 'min_weight'],
    [{ sparse_format: 'csr' }, 'sparse_format'],
  ])('%j is refused, naming %s', async (body, param) => {
    const { status, json } = await encode(body);
    expect({ status, param: json.error.param }).toEqual({ status: 400, param });
  });
});
