import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeTemporaryDirectory, removeDirectory } from '../../_support/temporary-directory.ts';
import { additions, migration } from './additions.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

/** The release after this one: a copy of the source with additions of every kind (docs/decisions/versions.md). */
export interface NextRelease {
  /** A tree as the repository's, as far as a server needs it. */
  readonly repository: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Throws when an addition does not fit the source any more: then it has to be written anew, not left out. */
export async function makeNextRelease(): Promise<NextRelease> {
  const repository = await makeTemporaryDirectory('next-release');
  try {
    for (const part of ['src', 'migrations', 'clients']) {
      await cp(join(REPOSITORY, part), join(repository, part), { recursive: true });
    }
    await cp(join(REPOSITORY, 'package.json'), join(repository, 'package.json'));
    await symlink(join(REPOSITORY, 'node_modules'), join(repository, 'node_modules'));
    for (const { file, what, from, to } of additions) await replaceOnce(join(repository, file), what, from, to);
    await addMigration(repository);
  } catch (error) {
    await removeDirectory(repository);
    throw error;
  }
  return { repository, [Symbol.asyncDispose]: () => removeDirectory(repository) };
}

async function replaceOnce(file: string, what: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new Error(
      `the next release cannot be made: ${what} is to be added to ${file}, where this stands ${parts.length - 1} times instead of once: ${from}`,
    );
  }
  await writeFile(file, parts.join(to));
}

const journal = z.looseObject({
  entries: z.array(z.looseObject({ idx: z.number(), when: z.number(), tag: z.string() })).min(1),
});

async function addMigration(repository: string): Promise<void> {
  const folder = join(repository, 'migrations');
  const file = join(folder, 'meta', '_journal.json');
  const known = journal.parse(JSON.parse(await readFile(file, 'utf8')));
  const last = known.entries.at(-1);
  if (last === undefined) throw new Error('the next release cannot be made: there is no migration');
  const entry = { ...last, idx: last.idx + 1, when: last.when + 1, tag: '9999_next' };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${entry.tag}.sql`), migration);
  await writeFile(file, JSON.stringify({ ...known, entries: [...known.entries, entry] }));
}
