/** One client's answers, by what was asked: numbers as they came out of it. */
export type Ask = (url: string, model: string, texts: readonly string[]) => Promise<Record<string, unknown>>;

/** `node ask.ts CLIENT URL MODEL TEXTS`: prints the answers as JSON. */
const [client, url, model, texts] = process.argv.slice(2);
const { ask } = (await import(`./${client}.ts`)) as { ask: Ask };
process.stdout.write(JSON.stringify(await ask(url!, model!, JSON.parse(texts!))));
