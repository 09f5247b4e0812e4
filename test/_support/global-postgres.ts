import type { TestProject } from 'vitest/node';
import { makeTemplate, startPostgres, type TestPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The cluster of this test run; see `createDatabase`. */
    postgresUrl: string;
  }
}

interface Shared {
  users: number;
  readonly cluster: Promise<{ readonly url: string; readonly own: TestPostgres | undefined }>;
}

declare global {
  // Every vitest project loads this file anew, in one process: the cluster is shared through globalThis.
  var testPostgres: Shared | undefined;
}

/**
 * vitest `globalSetup` of the projects that need PostgreSQL: one cluster a run, with a migrated template.
 * `TEST_DATABASE_URL` (a superuser's URL) uses a cluster that is there already.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (globalThis.testPostgres ??= { users: 0, cluster: start() });
  shared.users += 1;
  project.provide('postgresUrl', (await shared.cluster).url);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    globalThis.testPostgres = undefined;
    const { own } = await shared.cluster;
    await own?.[Symbol.asyncDispose]();
  };
}

async function start(): Promise<{ url: string; own: TestPostgres | undefined }> {
  const given = process.env['TEST_DATABASE_URL'];
  const own = given === undefined ? await startPostgres() : undefined;
  const url = given ?? own?.url ?? '';
  await makeTemplate(url);
  return { url, own };
}
