import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { createClient } from '../../src/client/client.ts';
import type { SendOptions } from '../../src/client/send.ts';
import { readKey, writeKey } from '../api-key.ts';
import type { Settings } from '../settings.ts';
import { Compare } from './compare.tsx';
import { Editor } from './editor.tsx';
import { Header } from './header.tsx';
import { LookInside } from './look-inside.tsx';
import { TakeAway } from './take-away.tsx';
import { useAddress } from './use-address.ts';
import { useInfo } from './use-info.ts';
import { useRun } from './use-run.ts';
import { Watch } from './watch.tsx';

/** The whole page: what is asked on the left, what came of it on the right. */
export function Playground({ initial }: { readonly initial: Settings }) {
  const [settings, setSettings] = useState(initial);
  const [key, setKey] = useState(readKey);
  const options = useMemo<SendOptions>(
    () => ({ baseUrl: location.origin, apiKey: key === '' ? undefined : key, maxRetries: 1 }),
    [key],
  );
  const client = useMemo(() => createClient(options), [options]);
  const info = useInfo(client);
  const { run, shown, matrix, start, stop } = useRun(client, options);
  const change = useCallback((part: Partial<Settings>) => setSettings((before) => ({ ...before, ...part })), []);
  const begin = (begun: Settings) => {
    setSettings(begun);
    start(begun, false);
  };
  useAddress(settings, begin);
  useEffect(() => start(initial, false), []);

  const isStale = shown !== undefined && shown.settings.texts.join('\0') !== settings.texts.join('\0');
  const pair = pairWithin(settings.pair, shown?.settings.texts.length ?? 0);
  // Typing changes none of these, and hundreds of tokens are many elements.
  const results = [
    useMemo(
      () => (
        <Compare
          key="compare"
          run={shown}
          matrix={matrix}
          weights={settings.weights}
          pair={pair}
          onWeights={(weights) => change({ weights })}
          onPair={(chosen) => change({ pair: chosen })}
        />
      ),
      [shown, matrix, settings.weights, ...pair],
    ),
    useMemo(
      () => <LookInside key="inside" run={shown} pair={pair} onPair={(chosen) => change({ pair: chosen })} />,
      [shown, ...pair],
    ),
    <Watch key="watch" run={run?.layers.length ? run : (shown ?? run)} info={info.answer} />,
    <TakeAway key="take" settings={settings} run={shown} info={info.answer} hasKey={key !== ''} />,
  ];
  return (
    <>
      <Header
        info={info}
        apiKey={key}
        onKey={(typed) => {
          writeKey(typed);
          setKey(typed);
        }}
        refusal={run?.error}
      />
      <main>
        <Editor
          settings={settings}
          run={run}
          onChange={change}
          onRun={() => start(settings, true)}
          onStop={stop}
          onExample={(texts) => begin({ ...settings, texts, pair: [0, 1] })}
        />
        <div class={isStale ? 'results stale' : 'results'}>
          {isStale && <p class="stale-note">The texts have changed since this was computed.</p>}
          {results}
        </div>
      </main>
    </>
  );
}

/** What was looked into may be gone from a shorter list. */
function pairWithin([query, passage]: Settings['pair'], count: number): Settings['pair'] {
  const last = Math.max(0, count - 1);
  return [Math.min(query, last), Math.min(passage, last)];
}
