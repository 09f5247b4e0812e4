import { parseArgs } from 'node:util';
import { type Row, rows } from './rows.ts';

export const usage = `npm run bench -- [options]

  --row NAME     only this row, or all rows whose names begin with NAME; may be repeated
  --rounds N     counted rounds, each measures every server once (default 9), after some that only warm up
  --short        tiny loads: proves that everything runs, says nothing about speed
  --twin-only    bare server against its twin only: how noisy is this machine?
  --json FILE    write the results to FILE too
  --list         list the rows
  --help         this text
`;

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly short: boolean;
  readonly twinOnly: boolean;
  readonly jsonFile: string | null;
}

/** What the command line asks for. Throws a TypeError or RangeError whose message names the wrong option. */
export function readOptions(args: readonly string[]): BenchOptions | 'help' | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      row: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      short: { type: 'boolean', default: false },
      'twin-only': { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.list) return 'list';
  return {
    rows: values.row === undefined ? rows : selectRows(values.row),
    rounds: readRounds(values.rounds ?? (values.short ? '1' : '9')),
    short: values.short,
    twinOnly: values['twin-only'],
    jsonFile: values.json ?? null,
  };
}

function selectRows(names: readonly string[]): Row[] {
  for (const name of names) {
    if (!rows.some((row) => row.name.startsWith(name))) {
      throw new RangeError(`--row ${name}: no such row; there are ${rows.map((row) => row.name).join(', ')}`);
    }
  }
  return rows.filter((row) => names.some((name) => row.name.startsWith(name)));
}

function readRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new RangeError(`--rounds ${text}: use a whole number from 1 to 100`);
  }
  return rounds;
}
