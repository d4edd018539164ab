import type { Figures } from './measure.ts';
import { dotPlot } from './plot.ts';
import { MODES } from './ranking.ts';
import type { Report } from './report.ts';

/** `fidelity.html`: the report to read, in one file that loads nothing. */
export function renderPage(report: Report): string {
  const { model, preset, fingerprint, texts, total, languages } = report;
  const byLanguage = Object.entries(languages);
  const title = `${model.name} in ${preset}: what quantisation left`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
<h1>${escapeHtml(title)}</h1>
<p>Upstream ${escapeHtml(model.upstream)}, revision ${escapeHtml(model.revision ?? 'unknown')}; fingerprint <code>${fingerprint}</code>.
${texts.count} texts (${texts.source === 'bundled' ? 'bundled with m3edge' : escapeHtml(texts.source)}), ${texts.tokens} tokens, through the checkpoint in float32 and
through this model.</p>
<h2>All texts</h2>
${table(
  ['output', 'figure', 'value'],
  totalRows(total).map((row) => row.map(escapeHtml)),
)}
${total.ranking === undefined ? '' : rankingSection(total.ranking, byLanguage)}
${
  byLanguage.length < 2
    ? ''
    : `<h2>By language</h2>
${dotPlot(
  '1 - cosine of dense embeddings',
  'mean',
  'worst',
  rows(byLanguage, ({ dense }) => [dense.mean, dense.worst]),
)}
${dotPlot(
  '1 - cosine of ColBERT rows',
  'mean',
  'worst row',
  rows(byLanguage, ({ colbert }) => [colbert.mean, colbert.worst]),
)}
${dotPlot(
  'lexical weights',
  'error, in the sum of the weights',
  'largest difference',
  rows(byLanguage, ({ sparse }) => [sparse.weightError, sparse.largestDifference]),
)}`
}
<h2>How to read this</h2>
<dl>
<dt>1 - cosine</dt><dd>0 where the direction is unchanged. 0.001 turns a vector by 2.6 degrees.</dd>
<dt>shared ids</dt><dd>Token ids with a lexical weight in both models, of those with one in either.</dd>
<dt>Kendall's tau</dt><dd>1 where both models put all passages in the same order for a question, 0 where the orders have nothing in common.</dd>
<dt>divergence</dt><dd>KL divergence, in nats, of a mode's softmax from that of the float32 ensemble (dense + 0.3 sparse + ColBERT at temperature 0.02), the loss of M3's
self-distillation. float32 stands for what the modes differ by themselves; the rest is quantisation.</dd>
</dl>
</html>
`;
}

function totalRows({ dense, colbert, sparse }: Figures): string[][] {
  return [
    ['dense', '1 - cosine, mean', small(dense.mean)],
    ['', '1 - cosine, worst text', small(dense.worst)],
    ['ColBERT', '1 - cosine of a row, mean', small(colbert.mean)],
    ['', '1 - cosine, worst row', small(colbert.worst)],
    ['lexical weights', 'shared ids', share(sparse.overlap)],
    ['', 'error, in the sum of the weights', share(sparse.weightError)],
    ['', 'largest difference', small(sparse.largestDifference)],
  ];
}

function rankingSection(
  total: NonNullable<Figures['ranking']>,
  byLanguage: readonly (readonly [string, Figures])[],
): string {
  const modes = MODES.map((mode) => {
    const { kendall, sameFirst, divergence } = total[mode];
    return [
      MODE_NAMES[mode],
      kendall.toFixed(4),
      share(sameFirst),
      divergence.reference.toFixed(4),
      divergence.quantised.toFixed(4),
    ];
  });
  const { reference, quantised } = total.distillation;
  modes.push(['(dense + 0.1 sparse + ColBERT) / 3', '', '', reference.toFixed(4), quantised.toFixed(4)]);
  const languages = byLanguage.flatMap(([language, { ranking }]) =>
    ranking ? [[escapeHtml(language), ...MODES.map((mode) => ranking[mode].kendall.toFixed(4))]] : [],
  );
  return `<h2>Ranking</h2>
${table(['mode', "Kendall's tau", 'same first passage', 'divergence, float32', 'divergence, this model'], modes)}
${languages.length < 2 ? '' : `<h3>Kendall's tau by the question's language</h3>\n${table(['language', ...MODES.map((mode) => MODE_NAMES[mode])], languages)}`}`;
}

const MODE_NAMES = { dense: 'dense', sparse: 'lexical', colbert: 'ColBERT', ensemble: 'ensemble' } as const;

const rows = (
  byLanguage: readonly (readonly [string, Figures])[],
  valuesOf: (figures: Figures) => readonly [number, number],
) => byLanguage.map(([language, figures]) => ({ label: language, values: valuesOf(figures) }));

/** @param cells HTML. */
function table(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const row = (tag: string, values: readonly string[]) =>
    `<tr>${values.map((value) => `<${tag}>${value}</${tag}>`).join('')}</tr>`;
  return `<table>\n${[row('th', head), ...cells.map((values) => row('td', values))].join('\n')}\n</table>`;
}

const small = (value: number) => (value === 0 ? '0' : value.toExponential(2));
const share = (value: number) => `${(100 * value).toFixed(2)} %`;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: color-mix(in srgb, currentColor 20%, transparent); --mean: #2a78c8; --worst: #c8612a }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem } h3 { font-size: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line) }
svg { display: block; width: 100%; margin: 1rem 0 2rem } svg text { font: 12px system-ui, sans-serif; fill: currentColor }
dt { font-weight: 600 } dd { margin: 0 0 .5rem 1rem }
`;
