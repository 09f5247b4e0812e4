import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { makeTemporaryDirectory, removeDirectory } from '../../_support/temporary-directory.ts';
import { kpis } from './kpis.ts';

/** The project's own Node, whichever runs the tests. */
const NODE = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.bin', 'node');
const MAIN = join(import.meta.dirname, 'main.ts');
/** Half a minute on a machine of its own. */
const SHORT_FORM_LIMIT_MS = 300_000;
const directory = await makeTemporaryDirectory('bench-media');
const run = promisify(execFile);

const timesSchema = z.object({ count: z.int().positive(), p50Ms: z.number().nonnegative(), p95Ms: z.number() });
const resultSchema = z.object({
  short: z.literal(true),
  kpis: z.array(z.object({ name: z.string(), neda: timesSchema, bare: timesSchema.nullable() })),
});

afterAll(() => removeDirectory(directory));

test(
  'the short form measures every KPI of the voice, beside LiveKit alone',
  async () => {
    const jsonFile = join(directory, 'result.json');
    const { stdout } = await run(NODE, [MAIN, '--short', '--json', jsonFile]);
    const result = resultSchema.parse(JSON.parse(await readFile(jsonFile, 'utf8')));
    expect(result.kpis.map(({ name }) => name)).toEqual(Object.values(kpis).map(({ name }) => name));
    // In a browser there is nothing to set beside it.
    expect(result.kpis.filter(({ bare }) => bare === null).map(({ name }) => name)).toEqual([kpis.pages.name]);
    for (const { title } of Object.values(kpis)) expect(stdout).toContain(title);
    expect(stdout).toContain('SHORT FORM');
  },
  SHORT_FORM_LIMIT_MS,
);
