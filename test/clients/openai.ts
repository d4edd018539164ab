import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import type { Ask } from './ask.ts';

export const ask: Ask = async (url, model, texts) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' });
  const vectors = async (options: object) => {
    const { data } = await client.embeddings.create({ model, input: [...texts], ...options });
    return data.map(({ embedding }) => embedding);
  };
  const failure = (params: object) =>
    client.embeddings.create({ model, input: 'a', ...params }).then(
      () => undefined,
      (error) => error,
    );
  const tooLong = await failure({ input: 'word '.repeat(5000) });
  const foreignIds = await failure({ input: [[9906, 1917]] });
  const otherModel = await failure({ model: 'text-embedding-3-small' });
  const models = [];
  for await (const { id } of client.models.list()) models.push(id);
  return {
    'by default, which is base64 behind the scenes': await vectors({}),
    'as floats': await vectors({ encoding_format: 'float' }),
    'of fewer dimensions': (await vectors({ dimensions: 16 })).map(({ length }) => length),
    models,
    errors: [
      tooLong instanceof BadRequestError && [tooLong.code, tooLong.param],
      foreignIds instanceof BadRequestError && /check_embedding_ctx_length=False/.test(foreignIds.message),
      otherModel instanceof NotFoundError && [otherModel.code, otherModel.param],
      typeof tooLong.requestID,
    ],
  };
};
