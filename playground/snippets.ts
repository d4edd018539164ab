import { encodeRequest, type Settings } from './settings.ts';

export interface Call {
  readonly settings: Settings;
  /** Where the service is. */
  readonly origin: string;
  readonly model: string;
  /** Whether it asks for a key, which examples read from the environment. */
  readonly hasKey: boolean;
}

const SNIPPETS = { curl, fetch: fetchCall, openai: openAi, m3edge: typedClient } as const;
export type SnippetName = keyof typeof SNIPPETS;
export const SNIPPET_NAMES = Object.keys(SNIPPETS) as SnippetName[];
export const SNIPPET_TITLES: Readonly<Record<SnippetName, string>> = {
  curl: 'curl',
  fetch: 'fetch',
  openai: 'openai SDK',
  m3edge: 'Typed client',
};

/** The page's request in another's words. */
export const snippet = (name: SnippetName, call: Call): string => SNIPPETS[name](call);

const indented = (value: unknown): string => JSON.stringify(value, null, 2);

function curl({ settings, origin, hasKey }: Call): string {
  return [
    `curl -s ${origin}/encode -H 'content-type: application/json' \\`,
    ...(hasKey ? ['  -H "authorization: Bearer $API_KEY" \\'] : []),
    `  -d '${indented(encodeRequest(settings)).replaceAll("'", "'\\''")}'`,
  ].join('\n');
}

function fetchCall({ settings, origin, hasKey }: Call): string {
  const headers = [
    "'content-type': 'application/json'",
    ...(hasKey ? ['authorization: `Bearer ${process.env.API_KEY}`'] : []),
  ];
  return `const response = await fetch('${origin}/encode', {
  method: 'POST',
  headers: { ${headers.join(', ')} },
  body: JSON.stringify(${indented(encodeRequest(settings))}),
});
const { dense_vecs, lexical_weights, colbert_vecs } = await response.json();`;
}

/** Dense vectors alone: OpenAI's answer has no place for the others. */
function openAi({ settings, origin, model, hasKey }: Call): string {
  return `import OpenAI from 'openai';

const openai = new OpenAI({ baseURL: '${origin}/v1', apiKey: ${hasKey ? 'process.env.API_KEY' : "'none'"} });
const { data } = await openai.embeddings.create({
  model: '${model}',
  input: ${indented(settings.texts)},
});
const dense = data.map(({ embedding }) => embedding); // all that OpenAI's answer has a place for`;
}

function typedClient({ settings, origin, hasKey }: Call): string {
  const { texts, ...options } = encodeRequest(settings);
  return `import { createClient } from 'm3edge/client';

const m3 = createClient({ baseUrl: '${origin}'${hasKey ? ', apiKey: process.env.API_KEY' : ''} });
const embedded = await m3.encode(
  ${indented(texts)},
  ${indented(options)},
);
const { dense, lexicalWeights, colbert } = embedded[0];`;
}
