import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { createClient } from '../../src/client/client.ts';
import type { SendOptions } from '../../src/client/send.ts';
import { readKey, writeKey } from '../api-key.ts';
import { fromFragment, toFragment } from '../fragment.ts';
import { type Run, startRun } from '../run.ts';
import { type ScoreMatrix, scoreAll } from '../scores.ts';
import type { Settings } from '../settings.ts';
import { Compare } from './compare.tsx';
import { Editor } from './editor.tsx';
import { Header } from './header.tsx';
import { LookInside } from './look-inside.tsx';
import { isRefusal } from './problem.tsx';
import { TakeAway } from './take-away.tsx';
import { useInfo } from './use-info.ts';
import { Watch } from './watch.tsx';

/** The whole page: what is asked on the left, what came of it on the right. */
export function Playground({ initial }: { readonly initial: Settings }) {
  const [settings, setSettings] = useState(initial);
  const [key, setKey] = useState(readKey);
  const [run, setRun] = useState<Run>();
  /** The last run that came to its end: what is shown while another one is under way, or has failed. */
  const [shown, setShown] = useState<Run>();
  const [matrix, setMatrix] = useState<ScoreMatrix>([]);
  const current = useRef<AbortController>(undefined);

  const options = useMemo<SendOptions>(
    () => ({ baseUrl: location.origin, apiKey: key === '' ? undefined : key, maxRetries: 1 }),
    [key],
  );
  const client = useMemo(() => createClient(options), [options]);
  const info = useInfo(client);
  const change = useCallback((part: Partial<Settings>) => setSettings((before) => ({ ...before, ...part })), []);

  const start = (asked: Settings, isAsked: boolean) => {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    const onChange = (step: Run) => {
      setRun(step);
      if (step.state !== 'done') return;
      setShown(step);
      setMatrix([]);
      scoreAll(step.embedded, setMatrix, abort.signal).catch(() => {}); // given up for another run
    };
    startRun(client, options, asked, isAsked, onChange, abort.signal);
  };

  // What was refused is asked for again with another key.
  const firstClient = useRef(client);
  useEffect(() => {
    if (client !== firstClient.current && isRefusal(run?.error)) start(settings, false);
  }, [client]);

  useEffect(() => {
    start(initial, false);
    const onLink = async () => {
      const linked = await fromFragment(location.hash);
      if (!linked) return;
      setSettings(linked);
      start(linked, false);
    };
    addEventListener('hashchange', onLink);
    return () => removeEventListener('hashchange', onLink);
  }, []);

  // The address follows what is shown, so that it can be kept; only a link from elsewhere is an event.
  useEffect(() => {
    let isLate = false;
    if (settings !== initial) {
      toFragment(settings).then((fragment) => {
        if (!isLate) history.replaceState(null, '', fragment);
      });
    }
    return () => {
      isLate = true;
    };
  }, [settings, initial]);

  const isStale = shown !== undefined && shown.settings.texts.join('\0') !== settings.texts.join('\0');
  const pair = pairWithin(settings.pair, shown?.settings.texts.length ?? 0);
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
          limits={info.answer}
          onChange={change}
          onRun={() => start(settings, true)}
          onExample={(texts) => {
            const begun: Settings = { ...settings, texts, pair: [0, 1] };
            setSettings(begun);
            start(begun, false);
          }}
        />
        <div class={isStale ? 'results stale' : 'results'}>
          {isStale && <p class="stale-note">The texts have changed since this was computed.</p>}
          <Compare
            run={shown}
            matrix={matrix}
            weights={settings.weights}
            pair={pair}
            onWeights={(weights) => change({ weights })}
            onPair={(chosen) => change({ pair: chosen })}
          />
          <LookInside run={shown} pair={pair} onPair={(chosen) => change({ pair: chosen })} />
          <Watch run={run?.layers.length ? run : (shown ?? run)} info={info.answer} />
          <TakeAway settings={settings} run={shown} info={info.answer} hasKey={key !== ''} />
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
