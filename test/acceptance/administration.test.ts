import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareEnvironment } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { type Example, examplesOf, linesOf, matches } from './page-examples.ts';

const run = promisify(execFile);
const endOfBlock = '--- end of block ---';
const page = await readFile(join(repository, 'docs', 'administration.md'), 'utf8');
const examples = examplesOf(page);

describe('the administration by example', () => {
  let database: TestDatabase;
  let neda: Neda;
  /** What each block printed. */
  let printed: string[];

  beforeAll(async () => {
    database = await createDatabase();
    const env = { SECRET_KEY: 'a secret that the server and its commands share' };
    neda = await startNeda({ databaseUrl: database.url, env });
    const commands = examples.map(({ commands: block }) => `${block}\necho '${endOfBlock}'`).join('\n');
    const path = `${join(repository, 'node_modules', '.bin')}:${process.env['PATH']}`;
    const { stdout } = await run(
      'bash',
      ['-euo', 'pipefail', '-c', commands.replaceAll('http://127.0.0.1:8000', neda.origin)],
      { cwd: repository, env: { ...bareEnvironment(), ...env, PATH: path, DATABASE_URL: database.url } },
    );
    printed = stdout.split(`${endOfBlock}\n`);
  }, 300_000);
  afterAll(async () => {
    await neda[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('is run whole', () => {
    expect(examples.length).toBeGreaterThan(15);
    expect(printed).toHaveLength(examples.length + 1);
  });

  it.each(examples.map((example, index) => [example.title, index, example] as const))(
    'prints what the page says: %s (%i)',
    (_title, index, { answers }: Example) => {
      const lines = linesOf(printed[index] ?? '');
      if (answers === null) {
        expect(lines.filter((line) => line.includes('"code"'))).toEqual([]);
        return;
      }
      expect(lines).toHaveLength(answers.length);
      for (const [place, answer] of answers.entries()) expect(lines[place]).toSatisfy(matches(answer));
    },
  );
});
