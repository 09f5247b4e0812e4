/** `npm run bench:media`: the times that people notice, with NEDA and with LiveKit alone. See `--help`. */
import { readOptions, usage } from './options.ts';

const WRONG_USAGE = 64;

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
    return;
  }
  // The media library writes its debug log to the terminal otherwise; it reads this when it is loaded.
  process.env['NODE_ENV'] ??= 'production';
  const { measure } = await import('./measure.ts');
  await measure(options);
}

function fail(error: unknown, exitCode: number): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCode;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  fail(error, 1);
  // The media library's threads would keep the process.
  process.exit();
});
