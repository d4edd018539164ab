import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, encodeRequest } from '../../playground/settings.ts';
import { SNIPPET_NAMES, snippet } from '../../playground/snippets.ts';

const settings = {
  ...DEFAULT_SETTINGS,
  texts: [
    "it's",
    '"$HOME" `date` \\n !!',
    "'; rm -rf . #",
    'two\nlines\ttabbed',
    '${process.exit(1)}',
    '</script>',
    'سماء 🐋',
  ],
};
const call = { settings, origin: 'http://m3edge.test', model: 'demo', hasKey: false };

describe('the examples', () => {
  it('send exactly the texts, whatever they hold: curl', () => {
    const printsLast = 'curl() { for last; do :; done; printf %s "$last"; }';
    const body = execFileSync('sh', ['-c', `${printsLast}\n${snippet('curl', call)}`], { encoding: 'utf8' });
    expect(JSON.parse(body)).toEqual(encodeRequest(settings));
  });

  it('send exactly the texts, whatever they hold: fetch', () => {
    const keeps = 'let sent; globalThis.fetch = async (_, init) => { sent = init.body; return Response.json({}); };';
    const script = `${keeps}\n${snippet('fetch', call)}\nprocess.stdout.write(sent);`;
    const body = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(body)).toEqual(encodeRequest(settings));
  });

  it.each(SNIPPET_NAMES)(
    'name the key only as a variable of the environment, and only where there is one: %s',
    (name) => {
      expect(snippet(name, call)).not.toContain('API_KEY');
      expect(snippet(name, { ...call, hasKey: true })).toMatch(/\$API_KEY|process\.env\.API_KEY/);
    },
  );
});
