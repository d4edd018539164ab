import { CohereClient, CohereClientV2, CohereError } from 'cohere-ai';
import type { Ask } from './ask.ts';

export const ask: Ask = async (url, model, [query, ...documents]) => {
  const options = { token: 'none', environment: url, maxRetries: 0 };
  const v2 = new CohereClientV2(options);
  const v1 = new CohereClient(options);
  const failure = (request: Promise<unknown>) => request.catch((error) => error);
  const otherModel = await failure(v2.rerank({ model: 'rerank-v3.5', query: query!, documents }));
  const noDocuments = await failure(v2.rerank({ model, query: query!, documents: [] }));
  const { results, meta } = await v2.rerank({ model, query: query!, documents, topN: 2, maxTokensPerDoc: 64 });
  const old = await v1.rerank({ query: query!, documents: documents.map((text) => ({ text })), returnDocuments: true });
  return {
    'rerank of v2': results,
    'its meta': meta?.apiVersion?.version,
    'rerank of v1': old.results,
    errors: [otherModel, noDocuments].map((error) => error instanceof CohereError && [error.statusCode, error.body]),
  };
};
