import { parentPort, workerData } from 'node:worker_threads';
import type { EmbedOptions } from '../../src/embedder.ts';
import { embeddingFields } from '../../src/embedding-json.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { type Answer, describeFailure, type Task, type WorkerInput } from './pool.ts';

/** One thread of `m3edge reembed`: an engine that turns documents into lines. */

const { model, colbert, truncate, maxTokens } = workerData as WorkerInput;
const port = parentPort!;
const opening = createNodeEmbedder(model);
opening.catch(() => {}); // awaited with the first task

async function embedTask(task: Task): Promise<string[]> {
  const embedder = await opening;
  const format = { encoding: 'base64', colbertSize: embedder.manifest.architecture.colbertSize } as const;
  const options: EmbedOptions = {
    dense: true,
    sparse: true,
    colbert,
    truncate,
    maxTokens,
    paramOf: (index) => `line ${task[index]!.line}`,
  };
  const lines: string[] = [];
  const texts = task.map(({ text }) => text);
  for await (const embedding of embedder.embedEach(texts, options)) {
    let line = task[lines.length]!.head;
    for await (const piece of embeddingFields(embedding, format)) line += piece;
    lines.push(line);
  }
  return lines;
}

port.on('message', (task: Task) => {
  embedTask(task)
    .then((lines): Answer => ({ lines }))
    .catch((error): Answer => ({ failure: describeFailure(error) }))
    .then((answer) => port.postMessage(answer));
});
