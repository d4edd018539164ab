import { useState } from 'preact/hooks';

export interface CopyButtonProps {
  readonly label: string;
  readonly text: () => string | Promise<string>;
}

const SHOWN_MS = 2000;

/** Copies, and says so; where the browser does not let it, that too. */
export function CopyButton({ label, text }: CopyButtonProps) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(await text());
      setSaid('Copied');
    } catch {
      setSaid('The browser does not allow it');
    }
    setTimeout(() => setSaid(''), SHOWN_MS);
  };
  return (
    <span class="copy">
      <button type="button" onClick={copy}>
        {label}
      </button>
      <output>{said}</output>
    </span>
  );
}
