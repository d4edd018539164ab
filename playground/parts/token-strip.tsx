import { useRef, useState } from 'preact/hooks';
import { heatProps } from '../heat.ts';
import type { SeenToken } from '../tokens.ts';

export interface TokenStripProps {
  readonly label: string;
  readonly tokens: readonly SeenToken[];
  /** 0 to 1; undefined: not coloured. */
  readonly heatOf: (token: SeenToken, index: number) => number | undefined;
  /** What is told of a token, after its text and id. */
  readonly describe: (token: SeenToken, index: number) => string;
  readonly markOf?: (token: SeenToken, index: number) => string | undefined;
  /** The token that others are compared with. */
  readonly current?: number | undefined;
  /** Told of the token under the pointer or the focus. */
  readonly onPoint?: (index: number) => void;
}

/** A text of thousands is shown in parts: each token is a button. */
const SHOWN_TOKENS = 600;

/** A text's tokens in a row, one stop of the tab key; arrow keys move. */
export function TokenStrip({ label, tokens, heatOf, describe, markOf, current, onPoint }: TokenStripProps) {
  const [shown, setShown] = useState(SHOWN_TOKENS);
  const [focused, setFocused] = useState(0);
  const strip = useRef<HTMLDivElement>(null);
  const stop = Math.min(current ?? focused, tokens.length - 1);
  const move = (event: KeyboardEvent, index: number) => {
    const isRightToLeft = getComputedStyle(strip.current!).direction === 'rtl';
    const forward = isRightToLeft ? 'ArrowLeft' : 'ArrowRight';
    const back = isRightToLeft ? 'ArrowRight' : 'ArrowLeft';
    const to = event.key === forward ? index + 1 : event.key === back ? index - 1 : undefined;
    const target = to !== undefined && strip.current!.querySelectorAll('button')[to];
    if (!target) return;
    event.preventDefault();
    target.focus();
  };
  return (
    <>
      <div class="strip" role="toolbar" aria-label={label} dir={directionOf(tokens)} ref={strip}>
        {tokens.slice(0, shown).map((token, index) => {
          const t = heatOf(token, index);
          const { class: heat, style } = t === undefined ? { class: '', style: {} } : heatProps(t);
          const marks = [heat, token.special && 'special', token.isCut && 'cut', markOf?.(token, index)];
          return (
            <button
              type="button"
              key={index}
              class={marks.filter(Boolean).join(' ')}
              style={style}
              tabIndex={index === stop ? 0 : -1}
              aria-pressed={onPoint && index === current}
              title={describe(token, index)}
              onFocus={() => {
                setFocused(index);
                onPoint?.(index);
              }}
              onMouseEnter={() => onPoint?.(index)}
              onClick={() => onPoint?.(index)}
              onKeyDown={(event) => move(event, index)}
            >
              <bdi class="piece">{pieceText(token)}</bdi>
              <small aria-hidden="true">{token.id}</small>
              <span class="unseen">
                , id {token.id}, {describe(token, index)}
              </span>
            </button>
          );
        })}
      </div>
      {tokens.length > shown && (
        <button type="button" class="quiet" onClick={() => setShown(shown + SHOWN_TOKENS)}>
          Show more of {tokens.length} tokens
        </button>
      )}
    </>
  );
}

/** A space that is a token of its own is shown as one. */
export const pieceText = ({ text }: Pick<SeenToken, 'text'>): string => text.trim() || '␣';

const RIGHT_TO_LEFT = /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}/u;
const LETTER = /\p{L}/u;

/** As `dir=auto` would do it if pieces were letters and not buttons: the first letter decides. */
function directionOf(tokens: readonly SeenToken[]): 'rtl' | 'ltr' {
  const first = tokens.find(({ text, special }) => !special && LETTER.test(text));
  return first && RIGHT_TO_LEFT.test(first.text) ? 'rtl' : 'ltr';
}
