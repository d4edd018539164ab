import { DEFAULT_SETTINGS, MAX_TEXTS, type Settings } from './settings.ts';

/** Settings in the part of a link that browsers do not send: deflated JSON, in base64 as URLs may hold it. */

const PREFIX = '#1.';

export async function toFragment(settings: Settings): Promise<string> {
  const { texts, maxLength, truncate, weights, pair } = settings;
  const json = new TextEncoder().encode(JSON.stringify([texts, maxLength, truncate, weights, pair]));
  const bytes = await through(new CompressionStream('deflate-raw'), json);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return PREFIX + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @returns undefined where the fragment is not one of ours: links come from anywhere. */
export async function fromFragment(fragment: string): Promise<Settings | undefined> {
  if (!fragment.startsWith(PREFIX)) return undefined;
  try {
    const binary = atob(fragment.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return parseSettings(
      JSON.parse(new TextDecoder().decode(await through(new DecompressionStream('deflate-raw'), bytes))),
    );
  } catch {
    return undefined;
  }
}

function parseSettings(json: unknown): Settings | undefined {
  if (!Array.isArray(json)) return undefined;
  const [texts, maxLength, truncate, weights, pair] = json;
  const isListOf = (list: unknown, isGood: (item: unknown) => boolean): list is readonly unknown[] =>
    Array.isArray(list) && list.every(isGood);
  const isWhole = (from: number, to: number) => (value: unknown) =>
    Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
  const isGood =
    isListOf(texts, (text) => typeof text === 'string') &&
    texts.length >= 1 &&
    texts.length <= MAX_TEXTS &&
    isWhole(3, 8192)(maxLength) &&
    typeof truncate === 'boolean' &&
    isListOf(weights, (weight) => typeof weight === 'number' && weight >= 0 && weight <= 1) &&
    weights.length === 3 &&
    isListOf(pair, isWhole(0, texts.length - 1)) &&
    pair.length === 2;
  if (!isGood) return undefined;
  return { texts, maxLength, truncate, weights, pair } as unknown as Settings;
}

/** A link may hold a few kilobytes that inflate to gigabytes. */
const MAX_BYTES = 4 * 1024 * 1024;

async function through(
  { readable, writable }: CompressionStream | DecompressionStream,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const writer = writable.getWriter();
  writer.write(bytes).catch(() => {}); // seen by the reader
  writer.close().catch(() => {});
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (length > MAX_BYTES) throw new RangeError('too long');
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

export const settingsOfPage = async (): Promise<Settings> => (await fromFragment(location.hash)) ?? DEFAULT_SETTINGS;
