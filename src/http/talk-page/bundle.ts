import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { assetOf, TALK_PATH, type TalkPageFiles } from './files.ts';
import { noticesOf } from './notices.ts';

/** What the page is made of; in the document `{{name}}` stands for the address of each. */
const ENTRIES = {
  main: 'main.ts',
  capture: 'audio/worklets/capture.ts',
  playback: 'audio/worklets/playback.ts',
  style: 'style.css',
  icon: 'icon.svg',
} as const;

/**
 * Bundles the page from its source with esbuild. What the source imports only when it is needed becomes a file of its
 * own, which the document does not name. The names of the files hold a hash of their content, so that browsers
 * may keep them for good. Throws when esbuild, a development package, is not there, and when the source is faulty.
 */
export async function bundleTalkPage(source: string): Promise<TalkPageFiles> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: source,
      entryPoints: Object.values(ENTRIES),
      outdir: join(source, 'never-written'),
      entryNames: '[name]-[hash]',
      chunkNames: '[name]-[hash]',
      splitting: true,
      write: false,
      metafile: true,
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      loader: { '.svg': 'copy' },
      logLevel: 'silent',
    });
    const assets = new Map(
      outputFiles.map(({ path, contents }) => [basename(path), assetOf(basename(path), Buffer.from(contents))]),
    );
    const notices = await noticesOf(Object.keys(metafile.inputs).map((path) => join(source, path)));
    const noticesName = `licences-${createHash('sha256').update(notices).digest('hex').slice(0, 8)}.txt`;
    assets.set(noticesName, assetOf(noticesName, Buffer.from(notices)));
    const names = new Map(
      Object.entries(metafile.outputs).map(([path, { entryPoint, inputs }]) => [
        entryPoint ?? Object.keys(inputs)[0],
        basename(path),
      ]),
    );
    let document = await readFile(join(source, 'index.html'), 'utf8');
    for (const [name, entry] of Object.entries(ENTRIES)) {
      document = document.replaceAll(`{{${name}}}`, `${TALK_PATH}/${names.get(entry) ?? ''}`);
    }
    document = document.replaceAll('{{licences}}', `${TALK_PATH}/${noticesName}`);
    return { document, assets };
  } finally {
    // esbuild works in a process of its own, which would stay.
    await stop();
  }
}
