import { ConnectError } from '@livekit/rtc-node';
import { AccessToken, TrackSource } from 'livekit-server-sdk';
import { v7 as uuidV7 } from 'uuid';
import { expect } from 'vitest';
import { until } from '../../_support/until.ts';
import { lookUp } from '../room-client.ts';
import { type Attack, SILENCE_MS, type Trial } from './attack.ts';
import { gather, isHeard, talk } from './talking.ts';

/** Sends for so much longer than the bound. */
const BEYOND_MS = 1_000;

/** A token that says what a publish token says, for any identity, signed with any key. */
function ownToken(parts: {
  readonly secret: string;
  readonly room: string;
  readonly identity: string;
}): Promise<string> {
  const token = new AccessToken('devkey', parts.secret, { identity: parts.identity, ttl: 90 });
  const sources = [TrackSource.MICROPHONE];
  token.addGrant({ room: parts.room, roomJoin: true, canPublish: true, canPublishSources: sources });
  return token.toJwt();
}

/** The same token with other claims under the old signature. */
function altered(token: string, claims: (old: Record<string, unknown>) => Record<string, unknown>): string {
  const [head = '', body = '', signature = ''] = token.split('.');
  const old: Record<string, unknown> = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  return [head, Buffer.from(JSON.stringify(claims(old))).toString('base64url'), signature].join('.');
}

/** LiveKit refuses the token itself. */
async function isRefused({ field }: Trial, url: string, token: string): Promise<void> {
  await expect(field.attacker({ url, token })).rejects.toBeInstanceOf(ConnectError);
}

export const rooms: readonly Attack[] = [
  {
    name: 'joins as a second participant `…#x` beside the talker, with his token',
    short: ['webhooks'],
    alsoWithout: true,
    async run(trial) {
      const { bob, alice, ear, grant } = await talk(trial.field);
      const fromMs = performance.now();
      const second = await trial.field.attacker({ url: `${bob.media.url}?publish=x`, token: grant.media.token });
      expect(second.identity).toBe(`${bob.identity}#x`);
      void second.publish();
      await second.sendsOn(trial.outWithinMs + BEYOND_MS);
      const measured = ear.heardFor(second.identity, fromMs);
      trial.holds({ what: 'heard', measured, bound: trial.outWithinMs });
      expect(alice.socket.messages('TALK_ENDED'), 'the talk goes on').toEqual([]);
      expect(ear.heardUntil(bob.identity, fromMs), 'the talker is heard').toBeGreaterThan(trial.outWithinMs);
    },
  },
  {
    name: 'joins with a token that he made himself, or made another room of',
    short: [],
    async run(trial) {
      const [{ bob, ear }, other] = [await gather(trial.field), await gather(trial.field)];
      const { media } = await other.bob.press();
      const { url, room } = bob.media;
      await isRefused(trial, url, await ownToken({ secret: 'guessed'.repeat(6), room, identity: bob.identity }));
      const moved = altered(media.token, (claims) => ({ ...claims, video: { ...Object(claims['video']), room } }));
      await isRefused(trial, url, moved);
      trial.holds({ what: 'heard', measured: ear.heardFor(bob.identity, 0), bound: 0 });
    },
  },
  {
    name: 'joins a foreign group with a token of a stolen key',
    short: [],
    alsoWithout: true,
    async run(trial) {
      const { bob, ear } = await gather(trial.field);
      const { room, url } = bob.media;
      const secret = trial.field.livekit.apiSecret;
      const stranger = `u_${uuidV7()}.${uuidV7()}`;
      const token = await ownToken({ secret, room, identity: stranger });
      const fromMs = performance.now();
      const attacker = await trial.field.attacker({ url, token });
      void attacker.publish();
      await attacker.sendsOn(trial.outWithinMs + BEYOND_MS);
      trial.holds({ what: 'heard', measured: ear.heardFor(stranger, fromMs), bound: trial.outWithinMs });
      expect(await lookUp(trial.field.livekit, room, stranger), 'he is out of the room').toBeUndefined();
    },
  },
  {
    name: 'joins twice with one identity, and goes on after his release',
    short: [],
    async run(trial) {
      const talking = await talk(trial.field);
      const { bob, attacker, ear, grant } = talking;
      const second = await trial.field.attacker(grant.media);
      await until(() => !attacker.isInRoom, { limitMs: 5_000, describe: () => 'the first one is out of the room' });
      const joinedAtMs = performance.now();
      await isHeard({ attacker: second, ear }, joinedAtMs);
      const releasedAtMs = await bob.release();
      await second.sendsOn(SILENCE_MS + BEYOND_MS);
      const measured = ear.heardUntil(bob.identity, releasedAtMs);
      trial.holds({ what: 'heard after his release', measured, bound: SILENCE_MS });
    },
  },
  {
    name: 'listens on after his removal from the group, and joins again with his living token',
    short: ['webhooks'],
    alsoWithout: true,
    async run(trial) {
      const { field, outWithinMs } = trial;
      const group = await field.group();
      const [alice, bob, carol] = [
        await group.member('alice'),
        await group.member('bob', field.here),
        await group.member('carol'),
      ];
      const [talker, bobsEar, carolsEar] = [
        await field.attacker(alice.media),
        await field.ear(bob.media),
        await field.ear(carol.media),
      ];
      const { grantedAtMs } = await alice.press();
      await isHeard({ attacker: talker, ear: bobsEar }, grantedAtMs);
      const removedAtMs = performance.now();
      await group.remove(bob);
      await talker.sendsOn(outWithinMs + BEYOND_MS);
      const measured = bobsEar.heardUntil(alice.identity, removedAtMs);
      trial.holds({ what: 'hears after his removal', measured, bound: outWithinMs });

      const againAtMs = performance.now();
      // Who is thrown out while he joins has never been in.
      const again = await field.ear(bob.media).catch(() => null);
      await talker.sendsOn(outWithinMs + BEYOND_MS);
      const hearsMs = again?.heardUntil(alice.identity, againAtMs) ?? 0;
      trial.holds({ what: 'hears when he has joined again', measured: hearsMs, bound: outWithinMs });
      expect(carolsEar.heardUntil(alice.identity, againAtMs), 'the others hear on').toBeGreaterThan(outWithinMs);
    },
  },
];
