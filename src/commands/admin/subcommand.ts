import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import type { z } from 'zod';
import type { Secret } from '../../config.ts';
import type { Core } from '../../core.ts';
import type { Origin } from '../../infra/change.ts';
import { StartFault, usageExitCode } from '../../infra/start-fault.ts';

/** One of the things that `admin` does. */
export interface Subcommand {
  /** The words behind its name. */
  readonly usage: string;
  readonly summary: string;
  /** The rest of its help. */
  readonly details: string;
  /** Reads what stands behind its name. Throws {@link StartFault} with the exit code of a wrong command line. */
  plan(args: readonly string[]): Plan;
}

export interface Plan {
  /** Whose password is needed and where it comes from; null: none is. */
  readonly password: { readonly whose: string; readonly isGenerated: boolean } | null;
  /** Does it and returns what to print. Throws `AppError`, {@link StartFault}. */
  run(parts: { readonly core: Core; readonly origin: Origin; readonly password: Secret | null }): Promise<string>;
}

/**
 * The arguments as an object: options under their names, words in the order of `words`. Throws {@link StartFault}.
 * @param schema what they may be; its messages are shown with the argument's name
 */
export function readArguments<T>(
  args: readonly string[],
  words: readonly string[],
  options: ParseArgsOptionsConfig,
  schema: z.ZodType<T>,
): T {
  const { values, positionals } = parse(args, options);
  const missing = words[positionals.length];
  if (missing !== undefined) throw wrongUsage(`<${missing}> is missing.`);
  const surplus = positionals[words.length];
  if (surplus !== undefined) throw wrongUsage(`"${surplus}" is one word too many.`);
  const named = Object.fromEntries(words.map((word, index) => [word, positionals[index]]));
  const read = schema.safeParse({ ...values, ...named });
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => {
    const name = String(path[0] ?? '');
    return `${words.includes(name) ? `<${name}>` : `--${name}`} ${message}.`;
  });
  throw wrongUsage(faults.join('\n'));
}

function parse(args: readonly string[], options: ParseArgsOptionsConfig) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw wrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function wrongUsage(reason: string): StartFault {
  return new StartFault(`${reason}\nSee: npm run admin -- --help`, usageExitCode);
}
