import type { Manifest } from './manifest.ts';
import { NUMERICS_VERSION } from './numerics.ts';

/**
 * 16 hex digits that are the same for the same weights, tokenizer and arithmetic, whatever the model is called: model-shards/README.md says over
 * what.
 */
export async function fingerprintOf(manifest: Manifest): Promise<string> {
  const { architecture, tokenizer, wordTable, positionTable, layers, files } = manifest;
  const lines = [
    `m3edge numerics ${NUMERICS_VERSION}`,
    canonicalJson({ architecture, tokenizer, wordTable, positionTable, layers }),
  ];
  for (const name of Object.keys(files).sort()) lines.push(`${files[name]!.sha256} ${name}`);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${lines.join('\n')}\n`));
  return [...new Uint8Array(digest, 0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** JSON with keys ascending and no spaces; for plain data of strings, finite numbers, booleans, arrays and objects. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
}
