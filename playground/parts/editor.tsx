import type { M3edgeError } from '../../src/client/errors.ts';
import { EXAMPLES } from '../examples.ts';
import type { Run } from '../run.ts';
import { MAX_TEXTS, type Settings } from '../settings.ts';
import { isRefusal, Problem } from './problem.tsx';
import { TextField } from './text-field.tsx';

export interface EditorProps {
  readonly settings: Settings;
  readonly run: Run | undefined;
  readonly onChange: (part: Partial<Settings>) => void;
  readonly onRun: () => void;
  readonly onStop: () => void;
  readonly onExample: (texts: readonly string[]) => void;
}

/** A model of less caps it. */
const MOST_TOKENS = 8192;

const BUSY = new Set<Run['state'] | undefined>(['asking', 'running']);

/** What is asked: texts and options. */
export function Editor({ settings, run, onChange, onRun, onStop, onExample }: EditorProps) {
  const { texts, maxLength, truncate } = settings;
  const error = run?.error;
  const blamed = blamedText(error);
  const replace = (index: number, ...by: string[]) =>
    onChange({ texts: [...texts.slice(0, index), ...by, ...texts.slice(index + 1)].slice(0, MAX_TEXTS) });
  return (
    <form
      class="editor"
      aria-label="Texts"
      onSubmit={(event) => {
        event.preventDefault();
        onRun();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        onRun();
      }}
    >
      <h2>Texts</h2>
      <label class="examples">
        Example
        <select
          value=""
          onChange={(event) => {
            const example = EXAMPLES[Number(event.currentTarget.value)];
            event.currentTarget.value = '';
            if (example) onExample(example.texts);
          }}
        >
          <option value="">choose…</option>
          {EXAMPLES.map(({ name, lang }, index) => (
            <option key={name} value={index} lang={lang}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <ol>
        {texts.map((text, index) => (
          <TextField
            key={index}
            index={index}
            text={text}
            tokens={run?.settings.texts[index] === text ? run.estimate?.tokens[index] : undefined}
            isCut={run?.settings.texts[index] === text && run.embedded[index]?.truncated === true}
            error={index === blamed ? error : undefined}
            onInput={(typed) => replace(index, typed)}
            onSplit={(lines) => replace(index, ...lines)}
            onRemove={texts.length > 1 ? () => replace(index) : undefined}
          />
        ))}
      </ol>
      <button
        type="button"
        class="quiet"
        disabled={texts.length >= MAX_TEXTS}
        onClick={() => onChange({ texts: [...texts, ''] })}
      >
        + Add a text
      </button>
      <div class="options">
        <label>
          At most
          <input
            type="number"
            min={3}
            max={MOST_TOKENS}
            value={maxLength}
            onChange={(event) => onChange({ maxLength: Math.round(event.currentTarget.valueAsNumber) || 3 })}
          />
          tokens a text
        </label>
        <label>
          <input
            type="checkbox"
            checked={truncate}
            onChange={(event) => onChange({ truncate: event.currentTarget.checked })}
          />
          cut what is longer
        </label>
      </div>
      <div class="go">
        <button type="submit" class="main">
          Encode
        </button>
        {BUSY.has(run?.state) && (
          <button type="button" onClick={onStop}>
            Stop
          </button>
        )}
        {run?.state === 'running' && <LayerProgress run={run} />}
        <output>{statusOf(run)}</output>
      </div>
      {error && Number.isNaN(blamed) && !isRefusal(error) && <Problem error={error} />}
      {error?.code === 'connection' && (
        <button type="button" class="quiet" onClick={onRun}>
          Try again
        </button>
      )}
    </form>
  );
}

/** Which text an error is about: /encode and /estimate name it in `param`, /tokenize in its message; NaN where none is to blame. */
function blamedText(error: M3edgeError | undefined): number {
  const [, index] = /^(?:texts|inputs)\[(\d+)\]/.exec(error?.param ?? error?.message ?? '') ?? [];
  return Number(index ?? Number.NaN);
}

/** Beside the status, which is read aloud: not each of 24 layers is. */
function LayerProgress({ run: { layers, estimate } }: { readonly run: Run }) {
  const last = layers.at(-1);
  if (!last) return null;
  return (
    <>
      <progress
        aria-label="Layers"
        max={(estimate?.passes ?? 1) * last.of}
        value={last.pass * last.of + last.layer + 1}
      />
      <span aria-hidden="true" class="count">
        layer {last.layer + 1} of {last.of}
      </span>
    </>
  );
}

function statusOf(run: Run | undefined): string {
  if (!run || run.state === 'asking') return 'asking…';
  if (run.state === 'running') return '';
  if (run.state === 'stopped') return 'stopped';
  if (run.state === 'waiting') return `would take about ${seconds(run.estimate!.cpu_ms)} of CPU`;
  if (run.state === 'failed') return 'failed';
  return `${run.embedded.length} ${run.embedded.length === 1 ? 'text' : 'texts'} in ${seconds(run.elapsedMs)}`;
}

export const seconds = (ms: number): string =>
  ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
