/** A line of a plot. */
export interface PlotRow {
  readonly label: string;
  readonly values: readonly [mean: number, worst: number];
}

const WIDTH = 720;
const LABELS = 60;
const ROW = 18;
const TOP = 44;

/** Two dots a row on a common logarithmic axis, as inline SVG; zeros lie on its left end. Labels and names are plain words. */
export function dotPlot(title: string, meanName: string, worstName: string, rows: readonly PlotRow[]): string {
  const positive = rows.flatMap(({ values }) => values).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(1, ...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(10 ** low, ...positive))));
  const x = (value: number) => {
    const place = value > 0 ? (Math.log10(value) - low) / (high - low) : 0;
    return (LABELS + place * (WIDTH - LABELS - 20)).toFixed(1);
  };
  const bottom = TOP + rows.length * ROW;
  const parts = [
    `<text x="0" y="14">${title}</text>`,
    legend(WIDTH / 2, 'mean', meanName),
    legend(WIDTH / 2 + 210, 'worst', worstName),
  ];
  for (let power = low; power <= high; power++) {
    const at = x(10 ** power);
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${bottom}" stroke="var(--line)"/>`,
      `<text x="${at}" y="${TOP - 12}" text-anchor="middle">1e${power}</text>`,
    );
  }
  for (const [i, { label, values }] of rows.entries()) {
    const y = TOP + i * ROW + ROW / 2;
    const [mean, worst] = values.map(x);
    parts.push(
      `<text x="0" y="${y + 4}">${label}</text>`,
      `<line x1="${mean}" x2="${worst}" y1="${y}" y2="${y}" stroke="var(--line)"/>`,
      `<circle cx="${mean}" cy="${y}" r="4" fill="var(--mean)"/>`,
      `<circle cx="${worst}" cy="${y}" r="4" fill="var(--worst)"/>`,
    );
  }
  return `<svg viewBox="0 0 ${WIDTH} ${bottom + 8}" role="img" aria-label="${title}">\n${parts.join('\n')}\n</svg>`;
}

const legend = (x: number, kind: 'mean' | 'worst', name: string) =>
  `<circle cx="${x}" cy="10" r="4" fill="var(--${kind})"/><text x="${x + 10}" y="14">${name}</text>`;
