import { describe, expect, it } from 'vitest';
import { readHubAccess, useProxyFrom } from '../../../cli/hub/access.ts';

describe('readHubAccess', () => {
  it('takes HF_ENDPOINT and HF_TOKEN, and is content with neither', () => {
    expect(readHubAccess({})).toEqual({ endpoint: 'https://huggingface.co', token: undefined });
    expect(readHubAccess({ HF_ENDPOINT: '', HF_TOKEN: '' })).toEqual(readHubAccess({}));
    expect(readHubAccess({ HF_ENDPOINT: 'https://mirror.example/hf/', HF_TOKEN: 'hf_a\n' })).toEqual({
      endpoint: 'https://mirror.example/hf',
      token: 'hf_a',
    });
  });

  it.each(['mirror.example', 'ftp://mirror.example', 'https://user:word@mirror.example', 'https://m.example?a'])(
    'refuses HF_ENDPOINT %s',
    (HF_ENDPOINT) => {
      expect(() => readHubAccess({ HF_ENDPOINT })).toThrow(/HF_ENDPOINT must be a URL/);
    },
  );

  it('refuses a token that would break its header, without printing it', () => {
    expect(() => readHubAccess({ HF_TOKEN: 'hf_se\ncret' })).toThrow(/^HF_TOKEN holds characters that no token has$/);
  });
});

describe('useProxyFrom', () => {
  it('refuses what is no URL, by the name of its variable', () => {
    expect(() => useProxyFrom({ HTTPS_PROXY: 'not a url' })).toThrow(/HTTPS_PROXY is no proxy's URL/);
  });
});
