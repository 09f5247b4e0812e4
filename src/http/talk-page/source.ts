import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { configExitCode, StartFault } from '../../infra/start-fault.ts';
import { readTalkPage } from './built.ts';
import { bundleTalkPage } from './bundle.ts';
import type { TalkPageFiles } from './files.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
export const TALK_PAGE_SOURCE = join(REPOSITORY, 'clients', 'web');
export const TALK_PAGE_BUILT = join(REPOSITORY, 'dist', 'talk');

/** Gives the files of the page, made when they are first asked for; null where there are none. */
export type TalkPageSource = () => Promise<TalkPageFiles | null>;

/**
 * In production the page that was built with the program, read at once: throws `StartFault` when there is none. Else
 * the page of the source as it stands, bundled in memory at its first request, where source and esbuild are there.
 */
export async function talkPageSource(
  isProduction: boolean,
  places: { readonly source: string; readonly built: string } = { source: TALK_PAGE_SOURCE, built: TALK_PAGE_BUILT },
): Promise<TalkPageSource> {
  if (!isProduction && existsSync(places.source) && isInstalled('esbuild')) {
    let bundling: Promise<TalkPageFiles> | null = null;
    return () => (bundling ??= bundleTalkPage(places.source));
  }
  const built = await readTalkPage(places.built);
  if (built === null && isProduction) {
    throw new StartFault(
      'TALK_PAGE: is on, but the page is not built. Run npm run build:talk, or set TALK_PAGE=off.',
      configExitCode,
    );
  }
  return () => Promise.resolve(built);
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
