import type { Embedding } from '../src/embedder.ts';
import { embeddingColumns, embeddingLine } from '../src/embedding-json.ts';
import type { Run } from './run.ts';
import { flat } from './scores.ts';

/** What /encode would have answered, to the byte, as one JSON object or a line a text; nothing is computed again. */
export async function downloadBlob(run: Run, model: string, format: 'json' | 'ndjson'): Promise<Blob> {
  const embeddings = run.embedded.map(({ dense, lexicalWeights, colbert, tokens, truncated }): Embedding => {
    return {
      tokenIds: new Uint32Array(tokens), // only their number is printed
      truncated,
      dense: dense!,
      lexicalWeights: lexicalWeights!,
      colbert: flat(colbert!),
    };
  });
  const fingerprint = run.embedded[0]!.fingerprint;
  const printing = { encoding: 'float', colbertSize: run.embedded[0]!.colbert![0]!.length } as const;
  const parts: string[] = [];
  if (format === 'json') {
    parts.push(`{"model":${JSON.stringify(model)},"fingerprint":"${fingerprint}",`);
    for await (const part of embeddingColumns(embeddings, printing)) parts.push(part);
    parts.push('}');
  } else {
    for (const [index, embedding] of embeddings.entries()) {
      for await (const part of embeddingLine(index, embedding, printing)) parts.push(part);
    }
  }
  return new Blob(parts, { type: format === 'json' ? 'application/json' : 'application/x-ndjson' });
}

/** Hands a file to the browser. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has opened it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
