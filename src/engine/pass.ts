import { keyCapacity } from './memory-plan.ts';

/** One text's place in a pass. */
export interface Span {
  /** Index in the pass of the text's first token. */
  readonly start: number;
  readonly tokens: number;
  /** Tokens rounded up to whole key panels. */
  readonly capacity: number;
  /** Sum of the capacities of the texts before. */
  readonly capacityStart: number;
}

/** Texts laid one after another without padding. */
export interface Pass {
  readonly ids: Uint32Array;
  readonly spans: readonly Span[];
}

/** Rows of a block that belong to one text. */
export interface Segment {
  readonly span: Span;
  /** First row, counted from the block's first. */
  readonly row: number;
  readonly rows: number;
  /** First row, counted from the text's first token. */
  readonly position: number;
}

export function createPass(texts: readonly Uint32Array[]): Pass {
  const ids = new Uint32Array(texts.reduce((sum, text) => sum + text.length, 0));
  const spans: Span[] = [];
  let start = 0;
  let capacityStart = 0;
  for (const text of texts) {
    ids.set(text, start);
    const span = { start, tokens: text.length, capacity: keyCapacity(text.length), capacityStart };
    spans.push(span);
    start += span.tokens;
    capacityStart += span.capacity;
  }
  return { ids, spans };
}

/** The texts that rows `start` to `start + rows` of a pass belong to, in order. */
export function segmentsOf(pass: Pass, start: number, rows: number): Segment[] {
  const segments: Segment[] = [];
  for (const span of pass.spans) {
    const first = Math.max(start, span.start);
    const end = Math.min(start + rows, span.start + span.tokens);
    if (first < end) segments.push({ span, row: first - start, rows: end - first, position: first - span.start });
  }
  return segments;
}
