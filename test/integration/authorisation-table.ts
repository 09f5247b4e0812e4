import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../_support/deployment.ts';

/** Who is asking, as `docs/authorisation.md` names them. */
export const columns = [
  'nobody',
  'stranger',
  'member',
  'listen-only',
  'manager',
  'admin',
  'ended session',
  'disabled user',
] as const;
export type Column = (typeof columns)[number];

/** One line of a table. */
export interface Row {
  /** `GET /livez` or `JOIN_GROUP`. */
  readonly name: string;
  /** Which of several requests of this name; empty where there is one. */
  readonly of: string;
  /** The access rule that the route declares; empty for messages. */
  readonly rule: string;
  readonly cells: Readonly<Record<Column, string>>;
}

const page = readFileSync(join(repository, 'docs', 'authorisation.md'), 'utf8');

export const routeRows = readTable(['route', 'of', 'rule', ...columns]);
export const messageRows = readTable(['message', 'of', ...columns]);

/** What a row is called in tests and in the lists of requests. */
export function titleOf({ name, of }: Pick<Row, 'name' | 'of'>): string {
  return of === '' ? name : `${name} (${of})`;
}

/** The table with exactly this head. Throws when a line has another number of cells, or stands there twice. */
function readTable(head: readonly string[]): readonly Row[] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cellsOf(line).join() === head.join());
  if (start < 0) throw new Error(`docs/authorisation.md has no table with the columns ${head.join(', ')}`);
  const rows: Row[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const cells = cellsOf(line);
    if (cells.length !== head.length) throw new Error(`${cells.length} instead of ${head.length} cells: ${line}`);
    const at = (name: string): string => cells[head.indexOf(name)] ?? '';
    const row = {
      name: (cells[0] ?? '').replaceAll('`', ''),
      of: at('of').replaceAll('`', ''),
      rule: at('rule'),
      cells: {
        nobody: at('nobody'),
        stranger: at('stranger'),
        member: at('member'),
        'listen-only': at('listen-only'),
        manager: at('manager'),
        admin: at('admin'),
        'ended session': at('ended session'),
        'disabled user': at('disabled user'),
      },
    };
    if (Object.values(row.cells).includes('')) throw new Error(`an empty cell: ${line}`);
    if (rows.some((other) => titleOf(other) === titleOf(row))) throw new Error(`stands there twice: ${titleOf(row)}`);
    rows.push(row);
  }
  return rows;
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
