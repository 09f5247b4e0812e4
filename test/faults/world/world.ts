import postgres from 'postgres';
import { z } from 'zod';
import { createEmptyDatabase, startPostgres, type TestDatabase, type TestPostgres } from '../../_support/postgres.ts';
import { startRedis, type TestRedis } from '../../_support/redis.ts';
import type { Rest } from '../../_support/rest.ts';
import { talk, type Tokens, tokens as tokensSchema, user } from '../../_support/wire.ts';
import type { StoredTalk } from '../checker/history.ts';
import { ServerSlot } from './server-slot.ts';

const SECRET_KEY = 'a secret that all processes of the test share';
/** Tokens of the last process live this short: who renews there sees them run out. */
const SHORT_TOKEN_MS = 4_000;

/** A deployment of its own: PostgreSQL, Redis, and server processes that reach Redis through a proxy each. */
export interface World {
  readonly redis: TestRedis;
  readonly postgres: TestPostgres;
  readonly slots: readonly ServerSlot[];
  readonly admin: Tokens;
  /** Rest of a process that runs. */
  rest(): Rest;
  /** One statement at PostgreSQL itself, past all processes. */
  sql(statement: string): Promise<readonly Record<string, unknown>[]>;
  /** The ids of these users by name; made when they are not there. */
  users(usernames: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The session of a device; kept over the runs of this world while it lasts. */
  session(device: string, username: string): Promise<Tokens>;
  /** The device has to sign in anew. */
  forgetSession(sessionId: string): void;
  refresh(tokens: Tokens): Promise<Tokens>;
  /** The same with an access token of a few seconds. */
  refreshShort(tokens: Tokens): Promise<Tokens>;
  storedTalks(groupId: string): Promise<StoredTalk[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface WorldOptions {
  readonly processes: number;
  readonly seed: number;
  /** Where the source of each process stands; null or left out: this repository. */
  readonly repositories?: readonly (string | null)[];
}

export async function createWorld(options: WorldOptions): Promise<World> {
  const [cluster, redis] = await Promise.all([startPostgres(), startRedis()]);
  const database = await createEmptyDatabase(cluster.url);
  const slots = await Promise.all(
    Array.from({ length: options.processes }, (_none, index) => openSlot(index, options, redis, database)),
  );
  // The first one migrates and makes the demo data.
  await slots[0]?.start();
  await Promise.all(slots.slice(1).map((slot) => slot.start()));
  const sql = postgres(database.url, { max: 2, connect_timeout: 30, onnotice: () => undefined });

  const rest = (): Rest => {
    const now = performance.now();
    const up = slots.find((slot) => slot.isUp && !slot.away.some(({ fromMs, toMs }) => fromMs <= now && now < toMs));
    if (up === undefined) throw new Error('no process runs');
    return up.neda.rest;
  };
  const sessions = new Map<string, Tokens>();
  const refreshAt = async (at: Rest, { refreshToken, session }: Tokens): Promise<Tokens> => {
    const fresh = tokensSchema.parse(await at.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } }));
    for (const [device, known] of sessions) if (known.session.id === session.id) sessions.set(device, fresh);
    return fresh;
  };
  const admin = await rest().login('admin');
  const users = new Map<string, string>();
  return {
    redis,
    postgres: cluster,
    slots,
    admin,
    rest,
    sql: (statement) => sql.unsafe(statement),
    users: async (usernames) => {
      for (const username of usernames) {
        if (!users.has(username)) users.set(username, await findOrCreate(rest(), admin, username));
      }
      return new Map(usernames.map((username) => [username, users.get(username) ?? '']));
    },
    session: async (device, username) => {
      const known = sessions.get(device);
      if (known !== undefined) return known;
      const tokens = await rest().login(username, 'push-to-talk', { name: device, kind: 'watch' });
      sessions.set(device, tokens);
      return tokens;
    },
    forgetSession: (sessionId) => {
      for (const [device, { session }] of sessions) if (session.id === sessionId) sessions.delete(device);
    },
    refresh: (tokens) => refreshAt(rest(), tokens),
    refreshShort: (tokens) => refreshAt(slots.at(-1)?.neda.rest ?? rest(), tokens),
    storedTalks: (groupId) => readTalks(rest(), admin, groupId),
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 });
      await Promise.all(slots.map((slot) => slot[Symbol.asyncDispose]()));
      await redis[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

function openSlot(
  index: number,
  { processes, seed, repositories = [] }: WorldOptions,
  redis: TestRedis,
  database: TestDatabase,
): Promise<ServerSlot> {
  const tokenMs = index === processes - 1 ? SHORT_TOKEN_MS : 86_400_000;
  return ServerSlot.open({
    index,
    redisPort: redis.port,
    databaseUrl: database.url,
    seed,
    repository: repositories[index] ?? null,
    env: { SECRET_KEY, ACCESS_TOKEN_TTL_MS: String(tokenMs), LOG_LEVEL: 'info' },
  });
}

async function findOrCreate(rest: Rest, { accessToken: token }: Tokens, username: string): Promise<string> {
  const page = z.looseObject({ items: z.array(user) });
  const found = page.parse(await rest.expect(200, 'GET', `/api/v1/admin/users?search=${username}`, { token }));
  const known = found.items.find((item) => item.username === username);
  return (known ?? (await rest.createUser(token, { username }))).id;
}

async function readTalks(rest: Rest, admin: Tokens, groupId: string): Promise<StoredTalk[]> {
  const page = z.looseObject({ items: z.array(talk), nextCursor: z.string().nullable() });
  const stored: StoredTalk[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ groupId, limit: '100', ...(cursor === null ? {} : { cursor }) });
    const answer = page.parse(
      await rest.expect(200, 'GET', `/api/v1/admin/talks?${query.toString()}`, { token: admin.accessToken }),
    );
    for (const { talkId, speaker, cause, durationMs } of answer.items) {
      stored.push({ talkId, groupId, userId: speaker.userId, cause, durationMs });
    }
    cursor = answer.nextCursor;
  } while (cursor !== null);
  return stored;
}
