import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RestAnswer } from '../_support/rest.ts';
import { answerAbout, messageRecipe } from './authorisation-messages.ts';
import { ask, partsOf } from './authorisation-requests.ts';
import { type Column, columns, messageRows, type Row, routeRows, titleOf } from './authorisation-table.ts';
import { openWorld, type World } from './authorisation-world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

/** Each id of each request that comes as far as asking for the object. */
const requests = routeRows.flatMap((row) =>
  Object.entries(partsOf(row).recipe.objects ?? {}).flatMap(([name, kind]) =>
    columns
      .filter((column) => asksFor(row, column))
      .map((column) => ({ title: titleOf(row), row, name, kind, column })),
  ),
);

function asksFor(row: Row, column: Column): boolean {
  return /^(?:2|404)/.test(row.cells[column]);
}

it('knows of every route with an id in its path what the id stands for', () => {
  for (const row of routeRows) {
    const names = [...partsOf(row).path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => name);
    expect(Object.keys(partsOf(row).recipe.objects ?? {}), row.name).toEqual(expect.arrayContaining(names));
  }
});

describe('the answers for what is unknown, what is gone and what is hidden are one', () => {
  it.each(requests)('$title, $name, by $column', async ({ row, name, kind, column }) => {
    const caller = world.callerOf(column);
    const reference = withoutRequest(await ask(world, row, column, { [name]: uuidv7() }));
    expect(reference).toMatchObject({ status: 404, code: 'not_found' });
    const groupId = await world.newGroup(column);
    const around = kind === 'member' ? { id: groupId } : {};
    const gone = await world.makeGone(kind, caller, groupId);
    const hidden = row.cells[column].startsWith('404') ? [await world.make(kind, caller, groupId)] : [];
    expect(gone.length + hidden.length).toBeGreaterThan(0);
    for (const id of [...gone, ...hidden]) {
      const answer = await ask(world, row, column, { ...around, [name]: id });
      expect(withoutRequest(answer)).toEqual(reference);
    }
  });
});

const messages = messageRows
  .filter((row) => messageRecipe(row).namesGroup === true)
  .flatMap((row) =>
    (['stranger', 'member', 'listen-only', 'manager', 'admin'] as const).map((column) => ({
      title: titleOf(row),
      row,
      column,
    })),
  );

describe('the answers about a group that is unknown, gone or hidden are one', () => {
  it.each(messages)('$title, by $column', async ({ row, column }) => {
    const caller = world.callerOf(column);
    if (caller === null) throw new Error('nobody has no socket');
    const reference = await answerAbout(world, row, caller, uuidv7());
    const gone = await world.makeGone('group', caller, '');
    const mayKnow = column !== 'stranger' && row.cells[column] !== 'ERROR not_found';
    const hidden = mayKnow ? [] : [await world.newGroup(column)];
    for (const groupId of [...gone, ...hidden]) {
      expect(await answerAbout(world, row, caller, groupId)).toEqual(reference);
    }
  });
});

/** Everything of an answer but what names the request and the time. */
function withoutRequest({ status, headers, text, body }: RestAnswer): unknown {
  const kept = [...headers].filter(([name]) => !/^(?:date|x-request-id|x-ratelimit-.*|ratelimit.*)$/.test(name));
  const requestId = headers.get('x-request-id') ?? '';
  expect(requestId).not.toBe('');
  return {
    status,
    headers: Object.fromEntries(kept),
    text: text.replaceAll(requestId, '<request id>'),
    code: codeOf(body),
  };
}

function codeOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
}
