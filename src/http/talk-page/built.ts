import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetOf, DOCUMENT_FILE, type TalkPageFiles } from './files.ts';

/** Writes the page into a folder, which is emptied first. */
export async function writeTalkPage(folder: string, { document, assets }: TalkPageFiles): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, DOCUMENT_FILE), document);
  for (const [name, { body }] of assets) await writeFile(join(folder, name), body);
}

/** Reads a page that was built before; null when there is none. */
export async function readTalkPage(folder: string): Promise<TalkPageFiles | null> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (!names.includes(DOCUMENT_FILE)) return null;
  const document = await readFile(join(folder, DOCUMENT_FILE), 'utf8');
  const assets = await Promise.all(
    names
      .filter((name) => name !== DOCUMENT_FILE)
      .map(async (name) => [name, assetOf(name, await readFile(join(folder, name)))] as const),
  );
  return { document, assets: new Map(assets) };
}
