import { UserError } from '../user-error.ts';
import type { HubFile, HubRepository } from './hub.ts';

/** What a conversion needs, small things first: what is wrong with them is then known before gigabytes have come. */
export interface ChosenFiles {
  readonly small: readonly HubFile[];
  readonly weights: readonly HubFile[];
}

/** What `openCheckpointDirectory` reads, best first: a file, or an index and the parts beside it. */
const WEIGHTS = [
  ['model.safetensors'],
  ['model.safetensors.index.json', /^model-\d{5}-of-\d{5}\.safetensors$/],
  ['pytorch_model.bin'],
  ['pytorch_model.bin.index.json', /^pytorch_model-\d{5}-of-\d{5}\.bin$/],
] as const;

/** Only names that are known are ever asked for or written: a listing cannot lead out of its directory. @throws UserError naming what is missing. */
export function chooseFiles({ name, files }: Pick<HubRepository, 'name' | 'files'>): ChosenFiles {
  const need = (why: string, ...names: readonly string[]): HubFile => {
    const found = names.map((file) => files.get(file)).find((file) => file !== undefined);
    if (found === undefined) throw new UserError(`${name}: there is no ${names.join(' or ')}; ${why}`);
    return found;
  };
  const small = [
    need('is it a model of transformers?', 'config.json'),
    need('a tokenizer is needed', 'tokenizer.json', 'sentencepiece.bpe.model'),
    need("M3's sparse output needs it: is the model of BGE-M3's kind?", 'sparse_linear.pt'),
    need("M3's ColBERT output needs it: is the model of BGE-M3's kind?", 'colbert_linear.pt'),
  ];
  const weightNames = WEIGHTS.map(([file]) => file);
  const first = need('ONNX and GGUF are not read', ...weightNames);
  const [, parts] = WEIGHTS.find(([file]) => file === first.path)!;
  const weights = parts === undefined ? [] : [...files.values()].filter(({ path }) => parts.test(path));
  if (parts !== undefined && weights.length === 0) throw new UserError(`${name}: ${first.path} has no parts beside it`);
  return { small, weights: [first, ...weights] };
}

/** Names that a conversion would read, or prefer to others, where they lie in a checkpoint's directory. */
export const isCheckpointFile = (name: string): boolean =>
  /^(config\.json|tokenizer\.json|sentencepiece\.bpe\.model|(sparse|colbert)_linear\.pt)$/.test(name) ||
  /^(model|pytorch_model)\b.*\.(safetensors|bin)(\.index\.json)?$/.test(name);
