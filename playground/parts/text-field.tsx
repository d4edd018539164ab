import type { M3edgeError } from '../../src/client/errors.ts';
import { MAX_TEXTS } from '../settings.ts';
import { Problem } from './problem.tsx';

export interface TextFieldProps {
  readonly index: number;
  readonly text: string;
  readonly tokens: number | undefined;
  readonly isCut: boolean;
  readonly error: M3edgeError | undefined;
  readonly onInput: (text: string) => void;
  readonly onSplit: (lines: readonly string[]) => void;
  /** Absent: the last text stays. */
  readonly onRemove: (() => void) | undefined;
}

/** One text, with what the service said of it. */
export function TextField({ index, text, tokens, isCut, error, onInput, onSplit, onRemove }: TextFieldProps) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const name = `Text ${index + 1}`;
  const problemId = `problem-${index}`;
  return (
    <li class={error ? 'field wrong' : 'field'}>
      <span class="number" aria-hidden="true">
        {index + 1}
      </span>
      <textarea
        aria-label={name}
        aria-invalid={error !== undefined}
        aria-describedby={error && problemId}
        dir="auto"
        rows={1}
        spellcheck={false}
        value={text}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <span class="count">
        {tokens !== undefined && `${tokens} tokens`}
        {isCut && ', cut'}
      </span>
      <span class="tools">
        {lines.length > 1 && (
          <button type="button" class="quiet" onClick={() => onSplit(lines.slice(0, MAX_TEXTS))}>
            split lines
          </button>
        )}
        {onRemove && (
          <button type="button" class="quiet" aria-label={`Remove text ${index + 1}`} onClick={onRemove}>
            ×
          </button>
        )}
      </span>
      {error && <Problem error={error} id={problemId} />}
    </li>
  );
}
