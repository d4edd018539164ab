import { rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { CONVERSION_OPTIONS, convertAloud, parseConversion, stoppable } from '../conversion.ts';
import { checkReplaceable } from '../convert/model-writer.ts';
import { readHubAccess, useProxyFrom } from '../hub/access.ts';
import { pullCheckpoint } from '../hub/pull.ts';
import { createProgress } from '../progress.ts';
import { fromSystemError, UserError } from '../user-error.ts';

export const pullCommand = defineCommand({
  meta: {
    name: 'pull',
    description:
      'Download a model from the Hugging Face Hub and convert it. HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY and NO_PROXY are heeded',
  },
  args: {
    repository: { type: 'positional', default: 'BAAI/bge-m3', description: 'ORG/NAME on the Hub' },
    revision: { type: 'string', default: 'main', description: 'Branch, tag or commit' },
    out: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Model directory to make, by default model-shards/NAME; a model that is there is replaced',
    },
    keep: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Keep the checkpoint there, to convert it again or to measure fidelity against it',
    },
    ...CONVERSION_OPTIONS,
  },
  async run({ args: { repository, revision, keep, out = defaultOut(repository), ...args } }) {
    const name = parseRepository(repository);
    const conversion = parseConversion(args);
    const access = readHubAccess(process.env);
    useProxyFrom(process.env);
    const directory = keep ?? downloadDirectory(out);
    try {
      checkReplaceable(out);
      await stoppable(
        async (signal) => {
          const progress = createProgress('download');
          const commit = await pullCheckpoint({
            access,
            repository,
            revision,
            directory,
            isOurs: keep === undefined,
            conversion: { outDir: out, ...conversion },
            onProgress: progress.update,
            onThere: progress.skip,
            signal,
          });
          progress.end();
          const origin = { name, upstream: repository, revision: commit };
          await convertAloud({ checkpoint: directory, outDir: out, ...origin, ...conversion, signal });
          if (keep === undefined) rmSync(directory, { recursive: true });
          console.log(nextSteps(out, keep));
        },
        () => `${out} is as it was. What is downloaded stays in ${directory}: the same command goes on from there`,
      );
    } catch (error) {
      throw fromSystemError(error);
    }
  },
});

/** @returns The model's name. @throws UserError */
function parseRepository(repository: string): string {
  const [, name] = /^[A-Za-z0-9][\w.-]{0,95}\/([A-Za-z0-9][\w.-]{0,95})$/.exec(repository) ?? [];
  if (name !== undefined) return name;
  throw new UserError(`${JSON.stringify(repository.slice(0, 200))} is no ORG/NAME on the Hub, such as BAAI/bge-m3`);
}

const defaultOut = (repository: string) => join('model-shards', basename(repository));

/** Beside the model, on the same disk, and hidden. */
function downloadDirectory(out: string): string {
  const target = resolve(out);
  return join(dirname(target), `.${basename(target)}.download`);
}

function nextSteps(out: string, keep: string | undefined): string {
  const isDefault = resolve(out) === resolve(defaultOut('BAAI/bge-m3'));
  const model = isDefault ? '' : ` --model ${out}`;
  return [
    `serve it:    npx m3edge dev${model}`,
    `ask it:      echo 'What is BGE M3?' | npx m3edge encode --sparse${model}`,
    `check it:    npx m3edge model verify ${out}`,
    ...(keep === undefined ? [] : [`measure it:  npx m3edge model fidelity ${out} --against ${keep}`]),
  ].join('\n');
}
