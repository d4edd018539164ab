import { useState } from 'preact/hooks';
import { downloadBlob, save } from '../download.ts';
import { toFragment } from '../fragment.ts';
import type { Run } from '../run.ts';
import type { Settings } from '../settings.ts';
import { SNIPPET_NAMES, SNIPPET_TITLES, snippet } from '../snippets.ts';
import { CopyButton } from './copy-button.tsx';
import type { Info } from './use-info.ts';

export interface TakeAwayProps {
  readonly settings: Settings;
  readonly run: Run | undefined;
  readonly info: Info | undefined;
  readonly hasKey: boolean;
}

/** The same call from elsewhere, the vectors as a file, the page as a link. */
export function TakeAway({ settings, run, info, hasKey }: TakeAwayProps) {
  const [name, setName] = useState(SNIPPET_NAMES[0]!);
  const model = info?.served_model_name ?? 'bge-m3';
  const code = snippet(name, { settings, origin: location.origin, model, hasKey });
  const download = async (format: 'json' | 'ndjson') =>
    save(await downloadBlob(run!, model, format), `m3edge.${format}`);
  return (
    <section aria-labelledby="take">
      <h2 id="take">Take it away</h2>
      <div class="take-row">
        <fieldset class="choice">
          <legend class="unseen">The same call with</legend>
          {SNIPPET_NAMES.map((other) => (
            <label key={other}>
              <input type="radio" name="snippet" checked={other === name} onChange={() => setName(other)} />
              <span>{SNIPPET_TITLES[other]}</span>
            </label>
          ))}
        </fieldset>
        <CopyButton label="Copy the call" text={() => code} />
      </div>
      <section class="scroll code" tabIndex={0} aria-label={`The same call with ${SNIPPET_TITLES[name]}`}>
        <pre>
          <code>{code}</code>
        </pre>
      </section>
      <div class="take-row">
        <button type="button" disabled={!run} onClick={() => download('json')}>
          Download JSON
        </button>
        <button type="button" disabled={!run} onClick={() => download('ndjson')}>
          Download NDJSON
        </button>
        <CopyButton
          label="Copy a link to this page as it is"
          text={async () => location.origin + location.pathname + (await toFragment(settings))}
        />
        <span class="note">The link holds texts and settings, never the key.</span>
      </div>
    </section>
  );
}
