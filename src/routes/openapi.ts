import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import packageJson from '../../package.json' with { type: 'json' };
import { encode, estimate, score } from './native-schema.ts';
import { embeddings, models } from './openai-schema.ts';
import { type Operation, TAGS } from './operation.ts';
import { health, info, metrics } from './ops-schema.ts';
import { rerank, rerankV2 } from './rerank-schema.ts';
import { decode, embed, embedAll, embedSparse, similarity, tokenize } from './tei-schema.ts';
import { runAi } from './workers-ai-schema.ts';

/** Everything that can be asked for, in the order of the documentation. */
export const OPERATIONS: readonly Operation[] = [
  encode,
  score,
  estimate,
  embeddings,
  models,
  embed,
  embedSparse,
  embedAll,
  similarity,
  tokenize,
  decode,
  rerank,
  rerankV2,
  runAi,
  info,
  health,
  metrics,
];

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: unknown;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: 'header'; readonly description: string }[];
  readonly requestBody?: {
    readonly required: true;
    readonly content: {
      readonly 'application/json': {
        readonly schema: JsonSchema;
        readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
      };
    };
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

const BEARER = 'apiKey';

/** @param modelName The served model, for examples that name one. */
export function openApiDocument(modelName: string): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const operation of OPERATIONS) {
    for (const path of operation.paths) {
      paths[path] = { ...paths[path], [operation.method]: describeOperation(operation, path, modelName) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'm3edge',
      version: packageJson.version,
      description:
        'BGE-M3: dense, sparse and ColBERT embeddings and their scores, in the dialects of other servers too.',
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { securitySchemes: { [BEARER]: { type: 'http', scheme: 'bearer' } } },
  };
}

function describeOperation(operation: Operation, path: string, modelName: string): OpenApiOperation {
  const { method, tag, summary, role, headers, request, examples = {} } = operation;
  return {
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`,
    tags: [tag],
    summary,
    security: role ? [{ [BEARER]: [] }] : [],
    ...(headers && {
      parameters: Object.entries(headers).map(([name, description]) => ({
        name,
        in: 'header' as const,
        description,
        schema: { type: 'string' },
      })),
    }),
    ...(request && {
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: jsonSchema(request), examples: namedExamples(examples, modelName) },
        },
      },
    }),
    responses: {
      200: { description: 'The answer', ...answerContent(operation) },
      default: {
        description: 'An error, in the shape of the dialect',
        content: { 'application/json': { schema: jsonSchema(operation.errors) } },
      },
    },
  };
}

function answerContent({ answer, streams = {} }: Operation) {
  if (answer === null) return {};
  const main =
    'mediaType' in answer
      ? { [answer.mediaType]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: jsonSchema(answer) } };
  const others = Object.entries(streams).map(([mediaType, description]) => [
    mediaType,
    { schema: { type: 'string', description } },
  ]);
  return { content: { ...main, ...Object.fromEntries(others) } };
}

function namedExamples(examples: Readonly<Record<string, unknown>>, modelName: string) {
  const named = Object.entries(examples).map(([name, value]) => {
    const namesModel = typeof value === 'object' && value !== null && 'model' in value;
    return [name, { value: namesModel ? { ...value, model: modelName } : value }] as const;
  });
  return Object.fromEntries(named);
}

/** What a schema checks and JSON Schema cannot say, such as well-formed characters, is left out. */
function jsonSchema(schema: GenericSchema): JsonSchema {
  const { $schema, ...described } = toJsonSchema(schema, { errorMode: 'ignore', typeMode: 'input' });
  return described;
}
