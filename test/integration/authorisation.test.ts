import { channel } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { clientMessages } from '../../src/realtime/protocol/index.ts';
import type { RestAnswer } from '../_support/rest.ts';
import { messageRecipes, outcomeOf } from './authorisation-messages.ts';
import { ask, recipes } from './authorisation-requests.ts';
import { columns, messageRows, routeRows, titleOf } from './authorisation-table.ts';
import { openWorld, type World } from './authorisation-world.ts';
import { startInProcess } from './in-process.ts';

/** Pages of a library, of which only the folder matters. */
const folder = '/docs/*';

let world: World;
/** The declared rule of every route of the server, by `METHOD /path`. */
let declared: ReadonlyMap<string, string>;

beforeAll(async () => {
  [world, declared] = await Promise.all([openWorld(), readRoutes()]);
});

afterAll(() => world[Symbol.asyncDispose]());

describe('the table', () => {
  it('has a row for every route, with the rule that the route declares, and no other', () => {
    const rules = new Map(routeRows.map(({ name, rule }) => [name, rule]));
    expect(Object.fromEntries(rules)).toEqual(Object.fromEntries(declared));
  });

  it('has a row for every message that a client may send, and no other', () => {
    const names = new Set(messageRows.map(({ name }) => name));
    expect([...names].toSorted()).toEqual(Object.keys(clientMessages).toSorted());
  });

  it('has a request for each of its rows, and no other', () => {
    expect(Object.keys(recipes).toSorted()).toEqual(routeRows.map(titleOf).toSorted());
    expect(Object.keys(messageRecipes).toSorted()).toEqual(messageRows.map(titleOf).toSorted());
  });

  it('shows of every route that looks for itself whom it refuses', () => {
    for (const [name, rule] of declared) {
      if (rule !== 'own') continue;
      const cells = routeRows.filter((row) => row.name === name).flatMap((row) => Object.values(row.cells));
      expect(
        cells.some((cell) => Number.parseInt(cell, 10) >= 400),
        name,
      ).toBe(true);
    }
  });
});

describe.each(routeRows.map((row) => [titleOf(row), row] as const))('%s', (_title, row) => {
  it.each(columns)('by %s', async (column) => {
    expect(wordsOf(await ask(world, row, column))).toBe(row.cells[column]);
  });
});

describe.each(messageRows.map((row) => [titleOf(row), row] as const))('%s', (_title, row) => {
  it.each(columns)('by %s', async (column) => {
    expect(await outcomeOf(world, row, column)).toBe(row.cells[column]);
  });
});

const route = z.object({
  method: z.union([z.string(), z.array(z.string())]),
  url: z.string(),
  config: z.object({ access: z.string() }),
});

/** What the server registers, whether it describes it in its API document or not. */
async function readRoutes(): Promise<ReadonlyMap<string, string>> {
  const registered: unknown[] = [];
  const started = channel('fastify.initialization');
  const follow = (message: unknown): void => {
    const { fastify } = z.object({ fastify: z.custom<Follower>() }).parse(message);
    fastify.addHook('onRoute', (options) => registered.push(options));
  };
  started.subscribe(follow);
  await using _server = await startInProcess();
  started.unsubscribe(follow);
  const rules = new Map<string, string>();
  for (const { method, url, config } of z.array(route).parse(registered)) {
    const isOfFolder = url === '/docs' || url.startsWith('/docs/');
    const methods = [method].flat().filter((name) => name !== 'HEAD');
    for (const name of methods) rules.set(`${name} ${isOfFolder ? folder : url}`, config.access);
  }
  return rules;
}

interface Follower {
  addHook(name: 'onRoute', hook: (options: unknown) => void): void;
}

function wordsOf({ status, body }: RestAnswer): string {
  const refusal = z.looseObject({ code: z.string() }).safeParse(body);
  return refusal.success && status >= 400 ? `${status} ${refusal.data.code}` : String(status);
}
