import { best } from './measure.ts';
import { passName, type Results } from './results.ts';

const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { top: 48, right: 190, bottom: 48, left: 64 };
/** Colours that read on white and on black. */
const COLOURS = ['#2563eb', '#0891b2', '#dc2626', '#a16207', '#7c3aed', '#64748b'];

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [tokens: number, ms: number])[];
}

/** Milliseconds a pass by tokens, both axes logarithmic, as an SVG that needs neither script nor font of its own. */
export function plotPasses(results: Results): string {
  const lines = linesOf(results);
  const xs = results.passes.map(({ tokens }) => tokens);
  const ys = lines.flatMap(({ points }) => points.map(([, ms]) => ms));
  const x = logScale(Math.min(...xs), Math.max(...xs), MARGIN.left, WIDTH - MARGIN.right);
  const y = logScale(floorPower(Math.min(...ys)), ceilPower(Math.max(...ys)), HEIGHT - MARGIN.bottom, MARGIN.top);
  const parts = [
    text(MARGIN.left, 22, 'One text through 24 layers of BGE-M3, one thread', 'start', 15),
    text(MARGIN.left, 38, `${results.machine}, ${results.date}; all layers resident`, 'start', 11),
    ...powers(Math.min(...ys), Math.max(...ys)).map((ms) => grid(MARGIN.left, y(ms), WIDTH - MARGIN.right, y(ms))),
    ...powers(Math.min(...ys), Math.max(...ys)).map((ms) => text(MARGIN.left - 8, y(ms) + 4, duration(ms), 'end')),
    ...xs.map((tokens) => grid(x(tokens), MARGIN.top, x(tokens), HEIGHT - MARGIN.bottom)),
    ...xs.map((tokens) => text(x(tokens), HEIGHT - MARGIN.bottom + 18, String(tokens), 'middle')),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 10, 'tokens', 'middle'),
  ];
  const labels = spreadLabels(lines.map(({ points }) => y(points.at(-1)![1])));
  lines.forEach(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const path = points.map(([tokens, ms]) => `${x(tokens).toFixed(1)},${y(ms).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [tokens, ms] of points)
      parts.push(`<circle cx="${x(tokens).toFixed(1)}" cy="${y(ms).toFixed(1)}" r="3" fill="${colour}"/>`);
    parts.push(text(WIDTH - MARGIN.right + 10, labels[index]! + 4, name, 'start', 12, colour));
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" role="img" aria-label="Milliseconds a pass by tokens">\n${parts.join('\n')}\n</svg>\n`;
}

function linesOf({ passes }: Results): Line[] {
  const names = new Set(passes.flatMap(({ times }) => Object.keys(times)));
  const isShown = (name: string) => !name.includes('streamed');
  return [...names].filter(isShown).map((name) => ({
    name: name.replace(passName('onnx int8', 'resident'), 'onnxruntime-web int8').replace(', resident', ''),
    points: passes.flatMap(({ tokens, times }) => (times[name] ? [[tokens, best(times[name]).median] as const] : [])),
  }));
}

function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  return (value) => from + ((to - from) * Math.log(value / low)) / Math.log(high / low);
}

const floorPower = (value: number) => 10 ** Math.floor(Math.log10(value));
const ceilPower = (value: number) => 10 ** Math.ceil(Math.log10(value));

function powers(low: number, high: number): number[] {
  const values: number[] = [];
  for (let value = floorPower(low); value <= ceilPower(high); value *= 10) values.push(value);
  return values;
}

const duration = (ms: number) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

function grid(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#888" stroke-opacity="0.25"/>`;
}

function text(x: number, y: number, content: string, anchor: string, size = 12, fill = '#888'): string {
  const escaped = content.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="${fill}">${escaped}</text>`;
}

/** Heights of labels beside the lines' ends, moved apart where they would cover each other. */
function spreadLabels(heights: readonly number[]): number[] {
  const order = heights.map((height, index) => ({ height, index })).sort((a, b) => a.height - b.height);
  const moved = [...heights];
  let above = Number.NEGATIVE_INFINITY;
  for (const { height, index } of order) {
    above = Math.max(height, above + 15);
    moved[index] = above;
  }
  return moved;
}
