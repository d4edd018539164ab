import { useEffect, useState } from 'preact/hooks';
import type { Client } from '../../src/client/client.ts';
import type { M3edgeError } from '../../src/client/errors.ts';
import { asM3edgeError } from '../run.ts';

export type Info = Awaited<ReturnType<Client['info']>>;

export interface InfoState {
  readonly answer?: Info | undefined;
  readonly error?: M3edgeError;
}

/** What is served; asked for again when the client changes, which is with the key. */
export function useInfo(client: Client): InfoState {
  const [state, setState] = useState<InfoState>({});
  useEffect(() => {
    const abort = new AbortController();
    client.info({ signal: abort.signal }).then(
      (answer) => setState({ answer }),
      (error) => {
        if (!abort.signal.aborted) setState((before) => ({ answer: before.answer, error: asM3edgeError(error) }));
      },
    );
    return () => abort.abort();
  }, [client]);
  return state;
}
