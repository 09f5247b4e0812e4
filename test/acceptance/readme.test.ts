import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareEnvironment } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { serverMessage } from '../_support/wire.ts';

const run = promisify(execFile);

describe('the first talk by hand', () => {
  let database: TestDatabase;
  let neda: Neda;

  beforeAll(async () => {
    database = await createDatabase();
    neda = await startNeda({ databaseUrl: database.url });
  });
  afterAll(async () => {
    await neda[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('works as the README has it, from copy and paste', async () => {
    const readme = await readFile(join(repository, 'README.md'), 'utf8');
    const [, block] = /## The first talk by hand.*?```sh\n(.*?)```/s.exec(readme) ?? [];
    expect(block).toContain('http://127.0.0.1:8000');

    const commands = (block ?? '').replaceAll('http://127.0.0.1:8000', neda.origin);
    const path = `${join(repository, 'node_modules', '.bin')}:${process.env['PATH']}`;
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', commands], {
      cwd: repository,
      env: { ...bareEnvironment(), PATH: path },
    });

    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => serverMessage.parse(JSON.parse(line)));
    const answers = messages.filter(({ re }) => re !== undefined).map(({ type }) => type);
    expect(answers).toEqual(['READY', 'GROUP_JOINED', 'TALK_GRANTED', 'TALK_RELEASED']);
  });
});
