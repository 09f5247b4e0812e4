import { ilike, sql, type AnyColumn, type SQL } from 'drizzle-orm';

/** Whether `column` contains `part` in any case. The final sigma is a sigma: both are written `Σ` in capitals. */
export function containsAnyCase(column: AnyColumn, part: string): SQL {
  return ilike(sql`replace(${column}, 'ς', 'σ')`, containing(part.replaceAll('ς', 'σ')));
}

/** The LIKE pattern for texts that contain `part`, in which `%` and `_` mean themselves. */
export function containing(part: string): string {
  return `%${part.replace(/[\\%_]/g, String.raw`\$&`)}%`;
}
