import { Page } from './page.ts';

/** Where the worklets are, as the page says: their names change with their content. */
function workletUrl(name: string): string {
  const content = document.querySelector<HTMLMetaElement>(`meta[name="worklet-${name}"]`)?.content;
  if (content === undefined) throw new Error(`the page does not name the worklet ${name}`);
  return content;
}

new Page({ capture: workletUrl('capture'), playback: workletUrl('playback') }).start();
