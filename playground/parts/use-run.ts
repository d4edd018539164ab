import { useEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../../src/client/client.ts';
import type { SendOptions } from '../../src/client/send.ts';
import { type Run, startRun } from '../run.ts';
import { type ScoreMatrix, scoreAll } from '../scores.ts';
import type { Settings } from '../settings.ts';
import { isRefusal } from './problem.tsx';

export interface Runs {
  /** The latest request. */
  readonly run: Run | undefined;
  /** The last one that came to its end: what is shown while another is under way, or has failed. */
  readonly shown: Run | undefined;
  /** Of `shown`. */
  readonly matrix: ScoreMatrix;
  /** @param isAsked As `startRun`. */
  readonly start: (settings: Settings, isAsked: boolean) => void;
  readonly stop: () => void;
}

/** One request at a time; a new one gives up the one before. */
export function useRun(client: Client, options: SendOptions): Runs {
  const [run, setRun] = useState<Run>();
  const [shown, setShown] = useState<Run>();
  const [matrix, setMatrix] = useState<ScoreMatrix>([]);
  const asking = useRef(new AbortController());
  const scoring = useRef(new AbortController());

  const start = (settings: Settings, isAsked: boolean) => {
    asking.current.abort();
    asking.current = new AbortController();
    const onChange = (step: Run) => {
      setRun(step);
      if (step.state !== 'done') return;
      scoring.current.abort();
      scoring.current = new AbortController();
      setShown(step);
      setMatrix([]);
      scoreAll(step.embedded, setMatrix, scoring.current.signal).catch(() => {}); // given up for another run
    };
    startRun(client, options, settings, isAsked, onChange, asking.current.signal);
  };
  const stop = () => {
    asking.current.abort();
    setRun((before) => before && { ...before, state: 'stopped' });
  };

  // What was refused is asked for again with another key.
  useEffect(() => {
    if (run && isRefusal(run.error)) start(run.settings, false);
  }, [client]);

  return { run, shown, matrix, start, stop };
}
