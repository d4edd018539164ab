import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embed, embedMany } from 'ai';
import type { Ask } from './ask.ts';

export const ask: Ask = async (url, model, texts) => {
  const provider = createOpenAICompatible({ name: 'm3edge', baseURL: `${url}/v1`, apiKey: 'none' });
  const { embeddings, usage } = await embedMany({ model: provider.textEmbeddingModel(model), values: [...texts] });
  const { embedding } = await embed({ model: provider.textEmbeddingModel(model), value: texts[0]! });
  const failure = await embed({ model: provider.textEmbeddingModel('other'), value: 'a' }).catch((error) => error);
  return {
    'many at once': embeddings,
    'one alone': [embedding],
    'tokens counted': usage.tokens,
    errors: [failure.statusCode, failure.message],
  };
};
