import type { M3edgeError } from '../../src/client/errors.ts';
import { isRefusal, Problem } from './problem.tsx';
import type { InfoState } from './use-info.ts';

export interface HeaderProps {
  readonly info: InfoState;
  readonly apiKey: string;
  readonly onKey: (key: string) => void;
  /** The last run's error, shown here where it is about the key. */
  readonly refusal: M3edgeError | undefined;
}

export function Header({ info: { answer, error }, apiKey, onKey, refusal }: HeaderProps) {
  const keyError = [error, refusal].find(isRefusal);
  return (
    <header>
      <div class="bar">
        <h1>m3edge</h1>
        <p class="served">
          {answer && (
            <>
              <b>{answer.served_model_name}</b> {answer.model_dtype} · <code>{answer.fingerprint}</code>
            </>
          )}
        </p>
        <nav aria-label="Documents">
          <a href="/docs">API</a>
          <a href="/openapi.json">OpenAPI</a>
        </nav>
        <form class="key" onSubmit={(event) => event.preventDefault()}>
          <label>
            API key
            <input
              type="password"
              autocomplete="off"
              spellcheck={false}
              placeholder="none needed if open"
              value={apiKey}
              aria-describedby={keyError ? 'key-problem' : 'key-note'}
              aria-invalid={keyError !== undefined}
              onChange={(event) => onKey(event.currentTarget.value.trim())}
            />
          </label>
        </form>
        <p id="key-note" class="unseen">
          Kept in this tab's session storage only.
        </p>
      </div>
      {keyError && <Problem error={keyError} id="key-problem" />}
      {error && !isRefusal(error) && <Problem error={error} />}
      {answer?.notice && (
        <p class="demo">
          This is the demo model: <b>it {answer.notice}</b>. Texts that share words are close; synonyms and translations
          are not.
        </p>
      )}
    </header>
  );
}
