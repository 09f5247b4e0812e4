import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { dispose } from '@livekit/rtc-node';
import { decodeJwt } from 'jose';
import { AccessToken, RoomServiceClient, TrackSource, type VideoGrant } from 'livekit-server-sdk';
import { v7 as uuidV7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LISTEN, roomGrant, SPEAK } from '../../src/realtime/media/permissions.ts';
import { bareEnvironment } from '../_support/child-server.ts';
import { findLivekitServer, startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { until } from '../_support/until.ts';
import { Attacker } from './attacks/attacker.ts';
import { Ear } from './attacks/ear.ts';
import { lookUp, permissionOf } from './room-client.ts';

/**
 * What the media adapter, the guard and the attacks on them take for granted of LiveKit, on a livekit-server alone. Where
 * one of these fails after an update of LiveKit, the design stands on something that is not so any more.
 */

const IDENTITY = 'u_somebody';
const HEARD_LIMIT_MS = 15_000;
/** Joins are enforced for so long after LiveKit was away. */
const REFRESHED_LIFE_SECONDS = 600;

let livekit: TestLivekit;
let api: RoomServiceClient;
let room: string;
const leaving: (() => Promise<void>)[] = [];

beforeAll(async () => {
  livekit = await startLivekit();
  api = new RoomServiceClient(livekit.host, livekit.apiKey, livekit.apiSecret);
});

beforeEach(() => {
  room = uuidV7();
});

afterEach(async () => {
  await Promise.all(leaving.splice(0).map((leave) => leave()));
});

afterAll(async () => {
  await livekit[Symbol.asyncDispose]();
  await dispose();
});

async function tokenFor(identity: string, grant: VideoGrant): Promise<string> {
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, { identity, ttl: 60 });
  token.addGrant(grant);
  return token.toJwt();
}

async function join(token: string, query = ''): Promise<Attacker> {
  const attacker = await Attacker.join({ url: `${livekit.publicUrl}${query}`, token });
  leaving.push(() => attacker.leave());
  return attacker;
}

async function listen(): Promise<Ear> {
  const token = await tokenFor('u_listener', roomGrant(room, LISTEN));
  const ear = await Ear.join({ url: livekit.publicUrl, token });
  leaving.push(() => ear.leave());
  return ear;
}

/** Somebody who joined without the right to publish and was given it. */
async function speaker(): Promise<Attacker> {
  const attacker = await join(await tokenFor(IDENTITY, roomGrant(room, LISTEN)));
  await api.updateParticipant(room, IDENTITY, { permission: SPEAK });
  return attacker;
}

async function publishes(attacker: Attacker): Promise<void> {
  expect(await attacker.publish()).toBe('published');
}

async function isHeard(ear: Ear, identity: string, sinceMs: number): Promise<void> {
  await until(() => ear.firstHeard(identity, sinceMs), {
    limitMs: HEARD_LIMIT_MS,
    describe: () => `${identity} is heard`,
  });
}

describe('permissions in LiveKit', () => {
  test('are not touched by an update to what they are', async () => {
    await speaker();
    const { version } = (await lookUp(livekit, room, IDENTITY)) ?? {};
    await api.updateParticipant(room, IDENTITY, { permission: SPEAK });
    expect(await lookUp(livekit, room, IDENTITY)).toMatchObject({ version });
  });

  test('are replaced whole: what an update does not name is taken away', async () => {
    await speaker();
    await api.updateParticipant(room, IDENTITY, { permission: { canPublish: false } });
    expect(await permissionOf(livekit, room, IDENTITY)).toMatchObject({ canPublish: false, canSubscribe: false });
  });

  test('that a token does not name are given', async () => {
    await join(await tokenFor(IDENTITY, { room, roomJoin: true }));
    expect(await permissionOf(livekit, room, IDENTITY)).toMatchObject({ canPublish: true, canPublishData: true });
  });

  test('to send data are given by a token that does not name them, and the data is delivered', async () => {
    const ear = await listen();
    const attacker = await join(await tokenFor(IDENTITY, { room, roomJoin: true }));
    await attacker.sendData('for all');
    await until(() => ear.data.includes('for all'), {
      limitMs: HEARD_LIMIT_MS,
      describe: () => 'the data is delivered',
    });
  });

  test('to publish a microphone are permissions to publish pictures under its name', async () => {
    const ear = await listen();
    expect(await (await speaker()).publishVideoAsMicrophone()).toBe('published');
    await until(() => ear.seenFor(IDENTITY), { limitMs: HEARD_LIMIT_MS, describe: () => 'the pictures are seen' });
  });

  test('to publish a microphone are permissions to publish two', async () => {
    const attacker = await speaker();
    await publishes(attacker);
    await publishes(attacker);
    const microphones = async (): Promise<number> =>
      (await lookUp(livekit, room, IDENTITY))?.tracks.filter(({ source }) => source === TrackSource.MICROPHONE)
        .length ?? 0;
    await until(async () => (await microphones()) === 2, {
      limitMs: HEARD_LIMIT_MS,
      describe: () => 'LiveKit lists two microphones',
    });
  });

  test('of an identity are not those of its second participant', async () => {
    await join(await tokenFor(IDENTITY, roomGrant(room, SPEAK)));
    const second = await join(await tokenFor(IDENTITY, roomGrant(room, SPEAK)), '?publish=x');
    await api.updateParticipant(room, IDENTITY, { permission: LISTEN });
    expect(await permissionOf(livekit, room, IDENTITY)).toMatchObject({ canPublish: false });
    expect(second.identity).toBe(`${IDENTITY}#x`);
    expect(await permissionOf(livekit, room, `${IDENTITY}#x`)).toMatchObject({ canPublish: true });
  });
});

describe('in LiveKit, who was given the right to publish', () => {
  test('is handed a token with it that outlives its withdrawal', async () => {
    const ear = await listen();
    const attacker = await speaker();
    const token = await attacker.refreshedToken();
    await api.updateParticipant(room, IDENTITY, { permission: LISTEN });
    await attacker.leave();

    const { exp = 0 } = decodeJwt(token);
    expect(exp - Date.now() / 1_000).toBeGreaterThan(REFRESHED_LIFE_SECONDS - 30);
    expect(exp - Date.now() / 1_000).toBeLessThan(REFRESHED_LIFE_SECONDS + 30);
    const fromMs = performance.now();
    await publishes(await join(token));
    await isHeard(ear, IDENTITY, fromMs);
  });

  test('comes back with his token after he was removed', async () => {
    const token = await tokenFor(IDENTITY, roomGrant(room, SPEAK));
    const attacker = await join(token);
    await api.removeParticipant(room, IDENTITY);
    await until(() => !attacker.isInRoom, { limitMs: HEARD_LIMIT_MS, describe: () => 'he is out of the room' });
    await publishes(await join(token));
  });

  test('is heard by another track when he was muted', async () => {
    const ear = await listen();
    const attacker = await speaker();
    await publishes(attacker);
    const [track] = (await lookUp(livekit, room, IDENTITY))?.tracks ?? [];
    await api.mutePublishedTrack(room, IDENTITY, track?.sid ?? '', true);
    const mutedAtMs = performance.now();
    await publishes(attacker);
    await isHeard(ear, IDENTITY, mutedAtMs);
  });
});

test('livekit-server ends with status 0 when it refuses its configuration', async () => {
  const config = JSON.stringify({ port: 1, bind_addresses: ['127.0.0.1'], no_such_option: true });
  const child = execFile(findLivekitServer(), ['--config-body', config], { env: bareEnvironment() });
  expect(await once(child, 'exit')).toEqual([0, null]);
});
