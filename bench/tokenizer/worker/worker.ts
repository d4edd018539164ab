import { createTokenizer, type Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../../src/tokenizer/vocabulary.ts';

/** The tokenizer in an isolate of its own. What a step takes is measured from outside: the clock in here stands still while it runs. */

let file: Uint8Array | undefined;
let tokenizer: Tokenizer | undefined;
const sets = new Map<string, string[]>();

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get('name') ?? '';
    const repeat = Number(searchParams.get('repeat') ?? 1);
    switch (pathname) {
      case '/idle':
        return Response.json(0);
      case '/file':
        file = new Uint8Array(await request.arrayBuffer());
        return Response.json(file.length);
      case '/ready':
        tokenizer = createTokenizer(parseVocabulary(file!));
        return Response.json([...tokenizer.encode('Hello world').ids]);
      case '/texts':
        sets.set(name, await request.json());
        return Response.json(sets.get(name)?.length);
      case '/encode': {
        let tokens = 0;
        for (let round = 0; round < repeat; round++) {
          for (const text of sets.get(name)!) tokens += tokenizer!.encode(text).ids.length;
        }
        return Response.json(tokens);
      }
      case '/ids':
        return Response.json(sets.get(name)!.map((text) => [...tokenizer!.encode(text).ids]));
    }
    return new Response('no such step', { status: 404 });
  },
};
