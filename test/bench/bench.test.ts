import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { rows } from './rows.ts';

/** The project's own Node, whichever runs the tests. */
const NODE = join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'node');
const MAIN = join(import.meta.dirname, 'main.ts');
const directory = await makeTemporaryDirectory('bench');
const run = promisify(execFile);
/** Half a minute on a machine of its own. */
const SHORT_FORM_LIMIT_MS = 300_000;

const seriesSchema = z.object({ rounds: z.array(z.number()).length(1), median: z.number() });
const resultSchema = z.object({
  short: z.literal(true),
  rows: z.array(
    z.object({ name: z.string(), neda: seriesSchema, baseline: z.string().nullable(), base: seriesSchema.nullable() }),
  ),
});
/** Few connections are less than what a process may give back meanwhile. */
const mayShrink = new Set(rows.filter(({ figure }) => figure === 'bytesPerConnection').map(({ name }) => name));

afterAll(() => removeDirectory(directory));

test(
  'the short form drives NEDA and the bare floor server through every row',
  async () => {
    const jsonFile = join(directory, 'result.json');
    const { stdout } = await run(NODE, [MAIN, '--short', '--json', jsonFile]);
    const result = resultSchema.parse(JSON.parse(await readFile(jsonFile, 'utf8')));
    expect(result.rows.map((row) => row.name)).toEqual(rows.map((row) => row.name));
    for (const { name, neda, base, baseline } of result.rows) {
      expect(base === null, name).toBe(baseline === null);
      const figures = [neda, base].flatMap((series) => (series === null ? [] : [series.median, ...series.rounds]));
      if (!mayShrink.has(name)) expect(Math.min(...figures), name).toBeGreaterThanOrEqual(0);
    }
    for (const row of rows) expect(stdout).toContain(row.title);
    expect(stdout).toContain('SHORT FORM');
  },
  SHORT_FORM_LIMIT_MS,
);

test('a wrong option is told in one line', async () => {
  await expect(run(NODE, [MAIN, '--rounds', 'none'])).rejects.toMatchObject({
    code: 64,
    stderr: '--rounds none: use a whole number from 1 to 100\n',
  });
});
