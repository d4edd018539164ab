/** The key stays in this tab: not in the link, not in a cookie, gone when the tab is closed. */
const ITEM = 'm3edge-api-key';

export const readKey = (): string => sessionStorage.getItem(ITEM) ?? '';

export function writeKey(key: string): void {
  if (key === '') sessionStorage.removeItem(ITEM);
  else sessionStorage.setItem(ITEM, key);
}
