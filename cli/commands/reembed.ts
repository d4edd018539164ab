import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { chooseModel } from '../choose-model.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { parseMaxLength, parseThreads } from '../parse-options.ts';
import { createPool } from '../reembed/pool.ts';
import { reembedFile, reembedStream } from '../reembed/reembed.ts';
import { fromSystemError, UserError } from '../user-error.ts';

const STDIO = '-';

export const reembedCommand = defineCommand({
  meta: { name: 'reembed', description: 'Embed documents in bulk, on all cores; a run that was stopped goes on' },
  args: {
    from: {
      type: 'string',
      required: true,
      valueHint: 'FILE',
      description: 'Documents, {"id":"..","text":".."} a line; - for stdin, then --to is - too',
    },
    to: {
      type: 'string',
      required: true,
      valueHint: 'FILE',
      description: 'Vectors, a line a document in the same order; - for stdout',
    },
    model: { type: 'string', valueHint: 'DIR', description: 'Model directory' },
    colbert: { type: 'boolean', description: 'Add colbert_vecs' },
    'max-length': {
      type: 'string',
      valueHint: 'N',
      description: "Tokens a text, <s> and </s> included; default the model's",
    },
    truncate: { type: 'boolean', description: 'Cut texts that are too long instead of refusing them' },
    threads: { type: 'string', valueHint: 'N', description: 'Default: as many as there are cores' },
  },
  async run({ args: { from, to, ...args } }) {
    checkPaths(from, to);
    const model = await chooseModel(args.model);
    const embedder = await createNodeEmbedder(model);
    const options = {
      colbert: args.colbert ?? false,
      truncate: args.truncate ?? false,
      maxTokens: Math.min(parseMaxLength(args['max-length']) ?? embedder.maxTokens, embedder.maxTokens),
      threads: parseThreads(args.threads) ?? availableParallelism(),
    };
    const pool = createPool(options.threads, { model, ...options });
    const abort = new AbortController();
    const stop = (signal: NodeJS.Signals) => {
      abort.abort(signal);
      pool.close();
    };
    for (const signal of STOP_SIGNALS) process.once(signal, stop);
    try {
      if (from === STDIO) await reembedStream(embedder, pool, options);
      else await reembedFile(embedder, pool, from, to, options);
    } catch (error) {
      if (!abort.signal.aborted) throw fromSystemError(error);
      process.stderr.write(from === STDIO ? '\nstopped\n' : '\nstopped; the same command goes on from here\n');
      process.exitCode = abort.signal.reason === 'SIGINT' ? 130 : 143; // as a shell reports the signal
    } finally {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
      await pool.close();
    }
  },
});

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

function checkPaths(from: string, to: string): void {
  if ((from === STDIO) !== (to === STDIO))
    throw new UserError('--from and --to are both files or both -: only files can be gone on with');
  if (from === STDIO) return;
  const input = statSync(from, { throwIfNoEntry: false });
  if (!input) throw new UserError(`--from ${from}: no such file`);
  if (!input.isFile()) throw new UserError(`--from ${from} is not a file; for a pipe give --from - --to -`);
  const output = statSync(to, { throwIfNoEntry: false });
  if (output && !output.isFile()) throw new UserError(`--to ${to} is not a file; for a pipe give --from - --to -`);
  if (resolve(from) === resolve(to) || (output && output.ino === input.ino && output.dev === input.dev))
    throw new UserError('--from and --to are the same file; name another for the vectors');
}
