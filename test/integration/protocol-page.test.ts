import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { clientMessages, CloseCode, denyCause, endCause } from '../../src/realtime/protocol/index.ts';
import { serverMessages, socketErrorCode } from '../../src/realtime/protocol/index.ts';
import { startLivekit } from '../_support/livekit.ts';
import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import type { ServerMessage } from '../_support/wire.ts';
import { AsyncapiDocument } from './asyncapi-document.ts';
import { castOf, Play } from './protocol-page-play.ts';
import { aNewEpoch, scenes } from './protocol-page-scenes.ts';

const page = join(import.meta.dirname, '..', '..', 'docs', 'protocol.md');
const text = readFileSync(page, 'utf8');
const clientTypes = Object.keys(clientMessages);
const serverTypes = Object.keys(serverMessages);
const EXCHANGE = /(<!-- exchange: (.+) -->\n```\n)([^`]*)(```)/g;
/** Two servers, some twenty scenes with logins, and a live store that is found empty. */
const RUN_LIMIT_MS = 300_000;

/** What one run of all scenes brought. */
interface Run {
  readonly exchanges: ReadonlyMap<string, string>;
  readonly received: readonly ServerMessage[];
  readonly sentTypes: ReadonlySet<string>;
  readonly document: unknown;
}

async function run(withStores: boolean): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase());
  const redis = withStores ? stack.use(await startRedis()) : null;
  const livekit = withStores ? stack.use(await startLivekit()) : null;
  const neda = stack.use(
    await startNeda({
      databaseUrl: database.url,
      ...(redis === null ? {} : { redisUrl: redis.url }),
      ...(livekit === null ? { env: { LIVEKIT_HOST: '' } } : { livekit: livekit.env }),
    }),
  );
  const cast = await castOf(neda);
  const exchanges = new Map<string, string>();
  const received: ServerMessage[] = [];
  const sentTypes = new Set<string>();
  const all = redis === null ? scenes : { ...scenes, 'a new epoch': aNewEpoch(redis) };
  for (const [name, scene] of Object.entries(all)) {
    const play = new Play(cast);
    await scene(play);
    exchanges.set(name, play.print());
    received.push(...play.clients.flatMap((client) => client.messages()));
    for (const type of play.sentTypes) sentTypes.add(type);
    play.end();
  }
  return { exchanges, received, sentTypes, document: await neda.rest.expect(200, 'GET', '/asyncapi.json') };
}

let withStores: Run;
let alone: Run;

beforeAll(async () => {
  [withStores, alone] = await Promise.all([run(true), run(false)]);
}, RUN_LIMIT_MS);

describe.each([
  ['with Redis and LiveKit', () => withStores],
  ['alone', () => alone],
])('a server %s', (_name, ran) => {
  it('sends what /asyncapi.json says, and nothing else', () => {
    const document = new AsyncapiDocument(ran().document, { known: true });
    expect(ran().received.length).toBeGreaterThan(100);
    expect(ran().received.flatMap((message) => document.faultsOf(message) ?? [])).toEqual([]);
  });
});

it('every type of message was seen', () => {
  expect([...new Set(withStores.received.map(({ type }) => type))].toSorted()).toEqual(serverTypes.toSorted());
  expect(clientTypes.filter((type) => !withStores.sentTypes.has(type))).toEqual([]);
});

describe('docs/protocol.md', () => {
  it('shows each exchange once, as a server sends it now', async () => {
    const shown = [...text.matchAll(EXCHANGE)].map((match) => match[2] ?? '');
    expect(shown.toSorted()).toEqual([...withStores.exchanges.keys()].toSorted());
    const now = text.replace(
      EXCHANGE,
      (_block, start: string, name: string, _old, end: string) =>
        `${start}${withStores.exchanges.get(name) ?? ''}\n${end}`,
    );
    // `npx vitest run -u` on this file writes the page.
    await expect(now).toMatchFileSnapshot(page);
  });

  const sections = text.split(/^(?=#+ )/m).map((section) => {
    const [heading = ''] = section.split('\n', 1);
    return { heading, section };
  });

  it.each([...clientTypes, ...serverTypes])('has one section for %s, with an exchange', (type) => {
    const own = sections.filter(({ heading }) => heading.includes(`\`${type}\``));
    expect(own.map(({ heading }) => heading)).toHaveLength(1);
    const exchanges = [...(own[0]?.section ?? '').matchAll(EXCHANGE)].map(([block]) => block);
    expect(exchanges.join('\n')).toContain(`"type":"${type}"`);
  });

  it.each([
    ['deny cause', denyCause.options],
    ['end cause', endCause.options],
    ['error', socketErrorCode.options],
    ['close reason', Object.keys(CloseCode)],
  ])('has a row for every %s', (_kind, values) => {
    for (const value of values) expect(text).toMatch(new RegExp(`^\\|.*\`${value}\`.*\\|$`, 'm'));
  });

  it.each(Object.entries({ ...clientMessages, ...serverMessages }))('names every field of %s', (_type, schema) => {
    const missing = Object.keys(schema.shape).filter((field) => !text.includes(`"${field}"`));
    expect(missing.filter((field) => !text.includes(`\`${field}\``))).toEqual([]);
  });

  it('gives the close codes their numbers', () => {
    for (const [name, code] of Object.entries(CloseCode)) expect(text).toContain(`| ${code} | \`${name}\` |`);
  });
});
