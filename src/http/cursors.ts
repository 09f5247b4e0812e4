import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidField } from '../errors.ts';
import { defaultPageSize } from './contract.ts';

/** Opaque positions in lists, bound to the list and its filters: a cursor of elsewhere is refused. */
export interface Cursors {
  /** The position in `cursor`, if there is one. Throws `validation_failed` about `cursor`. */
  positionOf(list: ListName, cursor: string | undefined): string | undefined;
  /**
   * One page of `items`, of which one more than `limit` was asked for: `idOf` the last is the next position.
   */
  page<T>(
    list: ListName,
    items: readonly T[],
    limit: number,
    idOf: (item: T) => string,
  ): { items: T[]; nextCursor: string | null };
}

/** A list and its filters: `['members', groupId]`. */
export type ListName = readonly (string | undefined)[];

const markBytes = 12;

export function createCursors(keys: readonly string[]): Cursors {
  const markKeys = keys.map((key) => createHmac('sha256', key).update('list cursor').digest());

  function marksOf(list: ListName, position: string): Buffer[] {
    const text = JSON.stringify([list.map((part) => part ?? null), position]);
    return markKeys.map((key) => createHmac('sha256', key).update(text).digest().subarray(0, markBytes));
  }

  return {
    positionOf: (list, cursor) => {
      if (cursor === undefined) return undefined;
      const bytes = Buffer.from(cursor, 'base64url');
      const mark = bytes.subarray(0, markBytes);
      const position = bytes.subarray(markBytes).toString('utf8');
      const isOurs =
        bytes.toString('base64url') === cursor &&
        mark.length === markBytes &&
        marksOf(list, position).some((expected) => timingSafeEqual(expected, mark));
      if (!isOurs) throw invalidField('cursor', 'must be the nextCursor of this list with the same filters');
      return position;
    },
    page: (list, items, limit, idOf) => {
      const shown = items.slice(0, limit);
      const last = shown.at(-1);
      if (items.length <= limit || last === undefined) return { items: shown, nextCursor: null };
      const position = idOf(last);
      const mark = marksOf(list, position)[0] ?? Buffer.alloc(0);
      return { items: shown, nextCursor: Buffer.concat([mark, Buffer.from(position, 'utf8')]).toString('base64url') };
    },
  };
}

/** Where a row stands in a list that has the newest first. */
export function positionOf(at: Date, id: string): string {
  return `${at.toISOString()} ${id}`;
}

export function placeOf(position: string | undefined): { readonly at: Date; readonly id: string } | undefined {
  if (position === undefined) return undefined;
  const [at = '', id = ''] = position.split(' ');
  return { at: new Date(at), id };
}

/**
 * Answers a list route: reads one more than a page holds, to know whether there is a next one. A bad cursor is refused
 * before anything is read: what must be looked up first (may the caller see this list?) belongs into `read`.
 */
export async function answerPage<T>(
  cursors: Cursors,
  list: ListName,
  query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
  read: (position: string | undefined, limit: number) => Promise<readonly T[]>,
  idOf: (item: T) => string,
): Promise<{ items: T[]; nextCursor: string | null }> {
  const limit = query.limit ?? defaultPageSize;
  const position = cursors.positionOf(list, query.cursor);
  return cursors.page(list, await read(position, limit + 1), limit, idOf);
}
