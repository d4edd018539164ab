import { InferenceClient } from '@huggingface/inference';
import type { Ask } from './ask.ts';

export const ask: Ask = async (url, _model, texts) => {
  const at = (path: string) => new InferenceClient('hf_none').endpoint(url + path);
  const failure = await at('/embed')
    .featureExtraction({ inputs: [] as unknown as string })
    .catch((error) => error);
  const [source, ...sentences] = texts;
  return {
    'featureExtraction at /embed': await at('/embed').featureExtraction({ inputs: [...texts] }),
    'featureExtraction at /, as an inference endpoint has it': await at('/').featureExtraction({ inputs: [...texts] }),
    'sentenceSimilarity at /similarity': await at('/similarity').sentenceSimilarity({
      inputs: { source_sentence: source!, sentences },
    }),
    errors: [failure.httpResponse?.status, failure.httpResponse?.body],
  };
};
