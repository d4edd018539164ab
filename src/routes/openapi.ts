import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import packageJson from '../../package.json' with { type: 'json' };
import { deleteOne, getOne, importMany, listStored, putOne, reembed, reembedStatus } from './documents-schema.ts';
import { encode, estimate, score } from './native-schema.ts';
import { embeddings, models } from './openai-schema.ts';
import { type Operation, TAGS } from './operation.ts';
import { health, info, metrics } from './ops-schema.ts';
import { rerank, rerankV2 } from './rerank-schema.ts';
import { search } from './search-schema.ts';
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
  putOne,
  getOne,
  listStored,
  importMany,
  deleteOne,
  search,
  reembed,
  reembedStatus,
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
  readonly parameters?: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly required: true;
    /** By media type. */
    readonly content: Readonly<
      Record<
        string,
        {
          readonly schema: JsonSchema;
          readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
        }
      >
    >;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: 'header' | 'path' | 'query';
  readonly description: string;
  readonly required?: boolean;
  readonly example?: string;
  readonly schema: JsonSchema;
}

const BEARER = 'apiKey';

/** @param modelName The served model, for examples that name one. */
export function openApiDocument(modelName: string): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const operation of OPERATIONS) {
    for (const path of operation.paths) {
      const template = path.replaceAll(/:(\w+)/g, '{$1}');
      paths[template] = { ...paths[template], [operation.method]: describeOperation(operation, path, modelName) };
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
  const { method, tag, summary, role, request, lines, status = 200, examples = {} } = operation;
  const body = request ?? lines;
  const parameters = describeParameters(operation);
  return {
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`,
    tags: [tag],
    summary,
    security: role ? [{ [BEARER]: [] }] : [],
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          [lines ? 'application/x-ndjson' : 'application/json']: {
            schema: jsonSchema(body),
            examples: namedExamples(examples, modelName),
          },
        },
      },
    }),
    responses: {
      [status]: { description: 'The answer', ...answerContent(operation) },
      default: {
        description: 'An error, in the shape of the dialect',
        content: { 'application/json': { schema: jsonSchema(operation.errors) } },
      },
    },
  };
}

function describeParameters({ headers = {}, pathParameters = {}, query }: Operation): OpenApiParameter[] {
  return [
    ...Object.entries(pathParameters).map(([name, { schema, description, example }]) => ({
      name,
      in: 'path' as const,
      required: true,
      description,
      example,
      schema: jsonSchema(schema),
    })),
    ...Object.entries(query?.entries ?? {}).map(([name, schema]) => {
      const { description = '', ...rest } = jsonSchema(schema as GenericSchema);
      return { name, in: 'query' as const, description, schema: rest };
    }),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header' as const,
      description,
      schema: { type: 'string' as const },
    })),
  ];
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
