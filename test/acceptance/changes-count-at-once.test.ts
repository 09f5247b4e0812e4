import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newGroup, signIn } from './talk-scenarios.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import type { WsClient } from '../_support/ws-client.ts';

const rounds = 8;

describe('a change that was answered counts at once, for a socket of any process', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let processes: Neda[];
  let admin: string;
  let groupId: string;
  /** Bob's sockets, on each process one; Alice is the manager. */
  let sockets: { readonly client: WsClient; readonly userId: string }[];

  beforeAll(async () => {
    [redis, database] = await Promise.all([startRedis(), createDatabase()]);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    processes = [await startNeda(options), await startNeda(options)];
    const [first] = processes;
    if (first === undefined) throw new Error('no process');
    admin = (await first.rest.login('admin')).accessToken;
    groupId = await newGroup(first);
    sockets = [];
    for (const neda of processes) {
      const { client, tokens } = await signIn(neda, 'bob');
      await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      sockets.push({ client, userId: tokens.user.id });
    }
  }, 300_000);
  afterAll(async () => {
    await Promise.all(processes.map((neda) => neda[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  /** The change on one process, the look through a socket of one process, in all four pairings and again and again. */
  async function again(
    work: (
      change: (method: string, path: string, body?: unknown) => Promise<unknown>,
      socket: { readonly client: WsClient; readonly userId: string },
      round: number,
    ) => Promise<void>,
  ): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      for (const neda of processes) {
        for (const socket of sockets) {
          const change = (method: string, path: string, body?: unknown): Promise<unknown> =>
            neda.rest.expect(method === 'DELETE' ? 204 : 200, method, `/api/v1/admin${path}`, { token: admin, body });
          await work(change, socket, round);
        }
      }
    }
  }

  it('the limits of the next talk', async () => {
    let maxTalkMs = 10_000;
    await again(async (change, { client }) => {
      maxTalkMs += 1_000;
      await change('PATCH', `/groups/${groupId}`, { settings: { maxTalkMs } });
      expect(await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId })).toMatchObject({ maxTalkMs });
      await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    });
  });

  it('the right to talk, taken and given', async () => {
    await again(async (change, { client, userId }) => {
      await change('PUT', `/groups/${groupId}/members/${userId}`, { talk: 'listen_only' });
      expect(await client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId })).toMatchObject({ cause: 'listen_only' });
      await change('PUT', `/groups/${groupId}/members/${userId}`, { talk: 'allowed' });
      await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    });
  });

  it('membership, ended and begun', async () => {
    await again(async (change, { client, userId }) => {
      await change('DELETE', `/groups/${groupId}/members/${userId}`);
      expect(await client.expect('ERROR', 'REQUEST_TALK', { groupId })).toMatchObject({ code: 'not_found' });
      await change('PUT', `/groups/${groupId}/members/${userId}`, {});
      await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    });
  });
});
