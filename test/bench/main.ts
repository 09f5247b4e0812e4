/** `npm run bench`: measures NEDA against the bare floor server and prints the ratios. See `--help`. */
import { writeFile } from 'node:fs/promises';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { reportText } from './report.ts';
import { rows } from './rows.ts';
import { runBench } from './run.ts';

const WRONG_USAGE = 64;
const interruption = new AbortController();

async function main(args: readonly string[]): Promise<void> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    fail(error, WRONG_USAGE);
    return;
  }
  if (options === 'help') {
    process.stdout.write(usage);
  } else if (options === 'list') {
    for (const row of rows) process.stdout.write(`${row.name.padEnd(22)}${row.title}\n`);
  } else {
    await measure(options);
  }
}

async function measure(options: BenchOptions): Promise<void> {
  const result = await runBench(options, interruption.signal, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(reportText(result));
  if (options.jsonFile !== null) await writeFile(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`);
}

// The first signal ends the run at its next step and cleans up; the second ends it at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(1);
    interruption.abort(new Error('interrupted'));
  });
}

function fail(error: unknown, exitCode: number): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCode;
}

main(process.argv.slice(2)).catch((error: unknown) => fail(error, 1));
