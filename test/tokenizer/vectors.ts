import { existsSync, readFileSync } from 'node:fs';
import { readJson } from './fixtures.ts';

const sharedUrl = (path: string) => new URL(`../../../shared/data/${path}`, import.meta.url);

export interface Vector {
  /** A pair of texts in one vector. */
  readonly text: string | readonly [string, string];
  readonly ids: readonly number[];
  readonly kind?: string;
}

/** XLM-R's vocabulary and vectors, or undefined, and why is printed, where the project stands without its shared data. */
export function sharedVectors() {
  const directory = sharedUrl('xlmr/');
  if (!existsSync(directory)) {
    console.warn("skipped: ../shared/data/xlmr is not here, so XLM-R's own vocabulary is not tested");
    return undefined;
  }
  const lines = readFileSync(sharedUrl('xlmr/generated.jsonl'), 'utf8').split('\n').filter(Boolean);
  // Some texts were cut at U+0085, U+2028 or U+2029 when the file was made: what is left of them is no JSON.
  const isWhole = (line: string) => line.startsWith('{"src": ') && /"spm_same": (true|false)}$/.test(line);
  const whole = lines.filter(isWhole);
  return {
    tokenizerJson: sharedUrl('xlmr/tokenizer.json'),
    generated: whole.map((line) => JSON.parse(line) as Vector),
    fragments: lines.length - whole.length,
    collected: readJson(sharedUrl('xlmr/vectors.json')) as Vector[],
  };
}

/** Whether our ids, brought into the form in which a project wrote its own down, are the vector's. */
export function agrees({ text, ids, kind }: Vector, encode: (text: string) => number[]): boolean {
  const [bos, pad, eos, unknown] = [0, 1, 2, 3];
  if (typeof text !== 'string') {
    return String([...encode(text[0]!), eos, ...encode(text[1]!).slice(1)]) === String(ids);
  }
  const own = encode(text);
  switch (kind) {
    case 'hf_nospecial':
      return String(own.slice(1, -1)) === String(ids);
    case 'spm_raw': // SentencePiece's own ids: one less, and 0 for unknown
      return String(own.slice(1, -1).map((id) => (id === unknown ? 0 : id - 1))) === String(ids);
    case 'hf_idset': {
      // The keys of lexical weights, which leave these out.
      const set = new Set(own.filter((id) => ![bos, pad, eos, unknown].includes(id)));
      return set.size === ids.length && ids.every((id) => set.has(id));
    }
    default:
      return String(own) === String(ids);
  }
}
