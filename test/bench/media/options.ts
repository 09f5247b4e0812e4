import { parseArgs } from 'node:util';

export const usage = `npm run bench:media -- [options]

  --only PART    access, voice or pages; may be repeated (default: all)
  --rounds N     counted rounds of each part (default 20); a round of access is 20 presses, of the others one talk
  --short        one round, two presses: proves that everything runs, says nothing about speed
  --json FILE    write the results to FILE too
  --help         this text
`;

const parts = ['access', 'voice', 'pages'] as const;
export type Part = (typeof parts)[number];

export interface MediaBenchOptions {
  readonly parts: readonly Part[];
  readonly rounds: number;
  readonly pressesPerRound: number;
  readonly short: boolean;
  readonly jsonFile: string | null;
}

/** What the command line asks for. Throws a TypeError or RangeError whose message names the wrong option. */
export function readOptions(args: readonly string[]): MediaBenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      short: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    parts: readParts(values.only),
    rounds: readRounds(values.rounds ?? (values.short ? '1' : '20')),
    pressesPerRound: values.short ? 2 : 20,
    short: values.short,
    jsonFile: values.json ?? null,
  };
}

function readParts(names: readonly string[] | undefined): readonly Part[] {
  if (names === undefined) return parts;
  for (const name of names) {
    if (!parts.some((part) => part === name)) throw new RangeError(`--only ${name}: use ${parts.join(', ')}`);
  }
  return parts.filter((part) => names.includes(part));
}

function readRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000) {
    throw new RangeError(`--rounds ${text}: use a whole number from 1 to 1000`);
  }
  return rounds;
}
