import { useEffect, useRef } from 'preact/hooks';
import { fromFragment, toFragment } from '../fragment.ts';
import type { Settings } from '../settings.ts';

/** Browsers refuse an address that changes with every letter, and take longer ones badly; a copied link may have any length. */
const PAUSE_MS = 300;
const LONGEST_FRAGMENT = 16_000;

/**
 * Keeps the settings in the address, so that reloading brings them back.
 *
 * @param onLink Told of an address that came from elsewhere.
 */
export function useAddress(settings: Settings, onLink: (linked: Settings) => void): void {
  const initial = useRef(settings);
  useEffect(() => {
    if (settings === initial.current) return undefined; // nothing was changed: a plain address stays plain
    let isLate = false;
    const timer = setTimeout(async () => {
      const fragment = await toFragment(settings);
      if (isLate) return;
      history.replaceState(null, '', fragment.length <= LONGEST_FRAGMENT ? fragment : location.pathname);
    }, PAUSE_MS);
    return () => {
      isLate = true;
      clearTimeout(timer);
    };
  }, [settings]);

  const latest = useRef(onLink);
  latest.current = onLink;
  useEffect(() => {
    const read = async () => {
      const linked = await fromFragment(location.hash);
      if (linked) latest.current(linked);
    };
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
}
