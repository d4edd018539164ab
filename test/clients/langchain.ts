import { HuggingFaceInferenceEmbeddings } from '@langchain/community/embeddings/hf';
import { OpenAIEmbeddings } from '@langchain/openai';
import type { Ask } from './ask.ts';

export const ask: Ask = async (url, model, texts) => {
  const openai = new OpenAIEmbeddings({
    model,
    apiKey: 'none',
    configuration: { baseURL: `${url}/v1` },
    maxRetries: 0,
  });
  const tei = new HuggingFaceInferenceEmbeddings({ model, apiKey: 'none', endpointUrl: `${url}/embed`, maxRetries: 0 });
  const many = Array.from({ length: 600 }, (_, i) => `document ${i}`);
  return {
    'documents by OpenAIEmbeddings': await openai.embedDocuments([...texts]),
    'a query by OpenAIEmbeddings': [await openai.embedQuery(texts[0]!)],
    'documents by HuggingFaceInferenceEmbeddings': await tei.embedDocuments([...texts]),
    'a query by HuggingFaceInferenceEmbeddings': [await tei.embedQuery(texts[0]!)],
    '600 documents, in its batches of 512': (await openai.embedDocuments(many)).length,
  };
};
