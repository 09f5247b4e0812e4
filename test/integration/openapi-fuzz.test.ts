import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fetchDocument, operationsOf } from './openapi-document.ts';
import { schemathesisPythonInCache } from '../../scripts/test-setup.ts';
import { bareEnvironment } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { effort } from '../_support/effort.ts';
import { startNeda, type Neda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';

const run = promisify(execFile);
const seed = 20_261_121;
const limitMs = effort({ short: 600_000, long: 3_600_000 });
const settings = join(repository, 'test', 'fuzz');

/** Runs Schemathesis over every operation of the served document; returns what it wrote, and throws with it when it found something. */
async function fuzz(
  neda: Neda,
  options: readonly string[],
  user?: { readonly username: string; readonly password: string },
): Promise<string> {
  const python = process.env['SCHEMATHESIS_PYTHON'] ?? schemathesisPythonInCache();
  const env = {
    ...bareEnvironment(),
    SCHEMATHESIS_HOOKS: 'hooks',
    PYTHONDONTWRITEBYTECODE: '1',
    FUZZ_ORIGIN: neda.origin,
    ...(user === undefined ? {} : { FUZZ_USERNAME: user.username, FUZZ_PASSWORD: user.password }),
  };
  const args = ['-m', 'schemathesis.cli', '--config-file', 'schemathesis.toml', 'run', `${neda.origin}/openapi.json`];
  const shared = ['--seed', String(seed), '--no-color', '--max-failures', '20'];
  try {
    const { stdout } = await run(python, [...args, ...shared, ...options], {
      cwd: settings,
      env,
      maxBuffer: 64 * 1_024 * 1_024,
      timeout: limitMs,
    });
    return stdout;
  } catch (error) {
    const written =
      error instanceof Error && 'stdout' in error && 'stderr' in error
        ? `${String(error.stdout)}${String(error.stderr)}`
        : '';
    throw new Error(
      `Schemathesis found something:\n${written}\nThe server wrote:\n${neda.process.output.slice(-4_000)}`,
      { cause: error },
    );
  }
}

const everything = 'examples,coverage,fuzzing,stateful';

it.each([
  { as: 'an admin', user: 'admin', phases: everything, examples: effort({ short: 3, long: 300 }) },
  {
    as: 'a member',
    user: 'alice',
    phases: effort({ short: 'fuzzing', long: everything }),
    examples: effort({ short: 3, long: 100 }),
  },
  {
    as: 'nobody',
    user: undefined,
    phases: effort({ short: 'fuzzing', long: everything }),
    examples: effort({ short: 2, long: 100 }),
  },
])(
  'answers whatever is sent by $as as the OpenAPI document says',
  async ({ user, phases, examples }) => {
    await using database = await createDatabase();
    await using redis = await startRedis();
    await using neda = await startNeda({ databaseUrl: database.url, redisUrl: redis.url, env: { LOG_LEVEL: 'warn' } });
    const credentials = user === undefined ? undefined : { username: user, password: 'push-to-talk' };
    const written = await fuzz(neda, ['--phases', phases, '--max-examples', String(examples)], credentials);
    // Schemathesis leaves out the operation that gives it the document.
    const others = operationsOf(await fetchDocument(neda.rest)).filter(({ path }) => path !== '/openapi.json');
    expect(written).toContain(`Tested: ${others.length}\n`);
    expect(neda.process.running).toBe(true);
  },
  limitMs,
);
