import { describe, expect, it } from 'vitest';
import { measure } from '../../../cli/fidelity/measure.ts';
import { renderPage } from '../../../cli/fidelity/page.ts';
import type { Report } from '../../../cli/fidelity/report.ts';

const text = (language: string, x: number) => {
  const scored = {
    dense: Float32Array.of(1, x),
    lexicalWeights: new Map([[5, 0.5]]),
    colbert: Float32Array.of(1, x, 0, 0),
  };
  return { language, reference: scored, quantised: { ...scored, dense: Float32Array.of(1, x + 0.01) } };
};
const reportOf = (languages: readonly string[], questions: readonly number[]): Report => ({
  format: 'm3edge-fidelity/1',
  model: { name: '<b>"m" & co</b>', upstream: 'a/b', revision: null, licence: 'MIT' },
  preset: 'q8',
  fingerprint: '0123456789abcdef',
  texts: { source: 'my <own>.txt', count: languages.length, tokens: 9 },
  ...measure({
    texts: languages.map((language, i) => text(language, i)),
    questions,
    passages: languages.map((_, i) => i),
    colbertSize: 4,
  }),
});

describe('renderPage', () => {
  const page = renderPage(reportOf(['en', 'de', 'en'], [0, 1]));

  it('shows figures and a plot for each output', () => {
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).toContain('<td>dense</td>');
    expect(page).toContain("Kendall's tau");
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('loads nothing and runs nothing', () => {
    expect(page).not.toMatch(/https?:|src=|<script|<link|url\(/);
  });

  it('escapes what comes from elsewhere', () => {
    expect(page).not.toContain('<b>');
    expect(page).toContain('&lt;b&gt;&quot;m&quot; &amp; co&lt;/b&gt;');
    expect(page).toContain('my &lt;own&gt;.txt');
  });

  it('leaves out what there is nothing of', () => {
    const plain = renderPage(reportOf(['own'], []));
    expect(plain).not.toContain('<svg');
    expect(plain).not.toContain('<h2>Ranking');
  });
});
