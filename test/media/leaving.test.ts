import { dispose } from '@livekit/rtc-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';
import { media as mediaSchema } from '../../clients/headless/messages.ts';
import type { ServerMessage } from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';
import { joinRoom, lookUp } from './room-client.ts';

const OUT_MS = 15_000;

let livekit: TestLivekit;
let database: TestDatabase;
let neda: Neda;

beforeAll(async () => {
  [livekit, database] = await Promise.all([startLivekit(), createDatabase()]);
  neda = await startNeda({ databaseUrl: database.url, livekit: livekit.env });
});

afterAll(async () => {
  await neda[Symbol.asyncDispose]();
  await livekit[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await dispose();
});

/** Somebody who has joined the demo group and hears it. */
async function listener(username: string) {
  const { accessToken, user } = await neda.rest.login(username);
  const { id: groupId } = await neda.rest.groupNamed(accessToken, 'Team');
  const client = await WsClient.signIn(neda.origin, accessToken);
  const joined = await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  const media = mediaSchema.parse(joined['media']);
  if (media.kind !== 'livekit') throw new Error('no LiveKit');
  const guest = await joinRoom(media);
  return {
    accessToken,
    userId: user.id,
    client,
    groupId,
    guest,
    /** LiveKit's id of this stay in the room; undefined when he is not there. */
    stay: async (): Promise<string | undefined> => (await lookUp(livekit, media.room, media.identity))?.sid,
  };
}

async function untilOut({ stay }: Awaited<ReturnType<typeof listener>>): Promise<void> {
  await until(async () => (await stay()) === undefined, { limitMs: OUT_MS, describe: () => 'he is out of the room' });
}

test('who leaves a group hears it no more; who joins again at once, or has lost his socket, was never out', async () => {
  const [bob, alice, carol] = [await listener('bob'), await listener('alice'), await listener('carol')];
  const { groupId } = bob;
  const stay = await bob.stay();
  expect(stay).toBeDefined();
  bob.client.inOneFlight(() => {
    bob.client.send('LEAVE_GROUP', { groupId });
    bob.client.send('JOIN_GROUP', { groupId });
  });
  await bob.client.waitForType('GROUP_LEFT', { groupId });
  await alice.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
  // She left later than he.
  await untilOut(alice);
  expect(await bob.stay()).toBe(stay);

  const replacing = await WsClient.signIn(neda.origin, bob.accessToken);
  await bob.client.closed();
  await replacing.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  const mark = carol.client.mark();
  replacing.terminate();
  await carol.client.waitFor(hasLeft(bob.userId), { after: mark, what: 'bob is not present any more' });
  await carol.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
  await untilOut(carol);
  expect(await bob.stay()).toBe(stay);

  const again = await WsClient.signIn(neda.origin, bob.accessToken);
  await again.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  await again.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
  await untilOut(bob);
  for (const client of [alice.client, carol.client, again]) client.terminate();
  for (const { guest } of [alice, bob, carol]) await guest.leave();
});

/** The last that is told of somebody's presence. */
function hasLeft(userId: string): (message: ServerMessage) => boolean {
  return ({ type, left }) =>
    type === 'PRESENCE_CHANGED' &&
    Array.isArray(left) &&
    left.some((one: { userId?: unknown }) => one.userId === userId);
}
