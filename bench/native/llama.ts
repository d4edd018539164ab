import { ARCHITECTURE } from '../model.ts';
import { answer } from './answer.ts';

/** What is used of node-llama-cpp, which the root project does not install. */
interface LlamaModule {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createEmbeddingContext(
        options: object,
      ): Promise<{ getEmbeddingFor(tokens: readonly number[]): Promise<unknown> }>;
    }>;
  }>;
}

const { getLlama }: LlamaModule = await import('node-llama-cpp' as string);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const model = await llama.loadModel({ modelPath: process.argv[2], gpuLayers: 0 });
const { maxTokens } = ARCHITECTURE;
const context = await model.createEmbeddingContext({ contextSize: maxTokens, batchSize: maxTokens, threads: 1 });

answer(async (tokens) => {
  // <s>, pieces, </s>
  const ids = Array.from({ length: tokens }, (_, i) => (i === 0 ? 0 : i === tokens - 1 ? 2 : 5 + (i % 900)));
  await context.getEmbeddingFor(ids);
});
