import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../support/call-app.ts';

/** As browsers send it. */
const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const FILES: Readonly<Record<string, string>> = { '': '<!doctype html>', 'page-3FA2B1C0.js': 'render()' };

function appWithPage(files = FILES) {
  const read: string[] = [];
  const readPage = async (name: string) => {
    read.push(name);
    return name in files ? new Response(files[name]) : new Response(null, { status: 404 });
  };
  return { ...appUnderTest(undefined, { readPage }), read };
}

describe('GET /', () => {
  it('is the page to a browser, under a policy that lets in nothing but its own origin', async () => {
    const { status, text, headers } = await appWithPage().send('/', { headers: browser });
    expect({ status, text }).toEqual({ status: 200, text: FILES[''] });
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('vary')).toContain('accept');
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it.each([
    ['a program', appWithPage(), {}],
    ['curl', appWithPage(), { accept: '*/*' }],
    ['a browser, where no page was staged', appWithPage({}), browser],
    ['a browser, where there is no page', appUnderTest(), browser],
  ])('is the health check to %s', async (_, { send }, headers) => {
    const { status, text } = await send('/', { headers });
    expect({ status, text }).toEqual({ status: 200, text: '' });
  });
});

describe('GET /page/*', () => {
  it('is a file of the page, for good: another content has another name', async () => {
    const { status, text, headers } = await appWithPage().send('/page/page-3FA2B1C0.js');
    expect({ status, text }).toEqual({ status: 200, text: 'render()' });
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(headers.get('cache-control')).toContain('immutable');
  });

  it.each([
    '/page/page-00000000.js',
    '/page/',
    '/page/index.html',
    '/page/..%2fmodel%2fmanifest.json',
    '/page/..%5cmodel%5cpage-3FA2B1C0.js',
    '/page/page-3FA2B1C0.js%2f..%2f..%2fmodel',
  ])('is 404 for %s, and nothing outside is looked for', async (path) => {
    const { send, read } = appWithPage();
    const { status, json } = await send(path);
    expect({ status, code: json.error.code }).toEqual({ status: 404, code: 'not_found' });
    expect(read.filter((name) => name !== 'page-00000000.js')).toEqual([]);
  });
});
