import { readFileSync, writeFileSync } from 'node:fs';

const START = '<!-- figures -->';
const END = '<!-- end -->';

/** Puts figures between the two marks of a page. @throws Error if it has no such place. */
export function writeFigures(page: URL, figures: string): void {
  const text = readFileSync(page, 'utf8');
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${page.pathname} has no ${START} with ${END} behind it`);
  writeFileSync(page, `${text.slice(0, start)}${START}\n\n${figures}\n\n${text.slice(end)}`);
}
