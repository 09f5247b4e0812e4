import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().default('unknown'),
  dependencies: z.record(z.string(), z.string()).default({}),
});

/**
 * The licences of all packages that these files come from, and of what those are made of in turn, as one text: packages
 * are often bundles themselves. To be handed on with the page.
 * @param files absolute paths
 */
export async function noticesOf(files: readonly string[]): Promise<string> {
  const notices = new Map<string, string>();
  for (const folder of new Set(files.flatMap(packageOf))) await collect(folder, notices);
  const texts = [...notices]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${name}\n\n${text.trim()}\n`);
  return `The talk page contains the following packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** The folder of the package that a file belongs to; none for a file of this repository. */
function packageOf(file: string): string[] {
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file.replaceAll('\\', '/'));
  return found === null ? [] : [found[0]];
}

async function collect(folder: string, notices: Map<string, string>): Promise<void> {
  const { name, version, license, dependencies } = manifest.parse(
    JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')),
  );
  const title = `${name} ${version} (${license})`;
  if (notices.has(title)) return;
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  notices.set(title, texts.join('\n'));
  for (const dependency of Object.keys(dependencies)) {
    const found = folderOf(dependency, folder);
    if (found !== null) await collect(found, notices);
  }
}

/** As Node looks for it: in the package's own folder, then further up. */
function folderOf(dependency: string, from: string): string | null {
  const candidate = join(from, 'node_modules', dependency);
  if (existsSync(candidate)) return candidate;
  return dirname(from) === from ? null : folderOf(dependency, dirname(from));
}
