/**
 * `npm test`: sets up what is missing, runs every test, and ends with the line `N passed, N failed`. With `--long`
 * (`npm run test:long`) the tests that find more the longer they run try more: see test/_support/effort.ts.
 */
import { glob, mkdir, readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { run } from './run.ts';
import { setUp, SetupFault } from './test-setup.ts';

const REPORT = 'test-results/vitest.json';

const reportSchema = z.object({
  success: z.boolean(),
  numTotalTests: z.int(),
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.unknown()) })),
});
type Report = z.infer<typeof reportSchema>;

/** What is wrong with the run as a whole, beyond single failed tests. */
async function faultsOf(report: Report, everything: boolean): Promise<string[]> {
  const faults = report.testResults
    .filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
    .map((file) => `${file.name} could not be run`);
  if (report.numTotalTests === 0) faults.push('there was no test to run');
  const notRun = report.numPendingTests + report.numTodoTests;
  if (notRun > 0) faults.push(`${notRun} tests were skipped or left to do`);
  if (everything) {
    const seen = new Set(report.testResults.map((file) => resolve(file.name)));
    for await (const file of glob('{src,test,clients,scripts}/**/*.test.ts')) {
      if (!seen.has(resolve(file))) faults.push(`${file} belongs to no project in vitest.config.ts`);
    }
  }
  return faults;
}

async function test(
  vitestArguments: readonly string[],
  effort: 'short' | 'long',
): Promise<{ passed: number; failed: number }> {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    console.error(`\n${error.message}\n`);
    return { passed: 0, failed: 1 };
  }
  await rm(REPORT, { force: true });
  await mkdir('test-results', { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const code = await run('node_modules/.bin/vitest', ['run', ...reporters, ...vitestArguments], {
    env: { ...process.env, TEST_EFFORT: effort },
  });

  let report: Report;
  try {
    report = reportSchema.parse(JSON.parse(await readFile(REPORT, 'utf8')));
  } catch (error) {
    console.error(`vitest left no report: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
  const faults = await faultsOf(report, vitestArguments.length === 0);
  if (report.numFailedTests === 0 && faults.length === 0 && (code !== 0 || !report.success)) {
    faults.push(`vitest ended with ${code} although no test failed: see above`);
  }
  for (const fault of faults) console.error(`FAILED: ${fault}`);
  return { passed: report.numPassedTests, failed: report.numFailedTests + faults.length };
}

const [first, ...others] = process.argv.slice(2);
const isLong = first === '--long';
const { passed, failed } = await test(isLong ? others : process.argv.slice(2), isLong ? 'long' : 'short');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
