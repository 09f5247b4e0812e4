import { z } from 'zod';
import type { TestRedis } from '../_support/redis.ts';
import { tokens } from '../_support/wire.ts';
import type { Play } from './protocol-page-play.ts';

/** Runs one exchange of docs/protocol.md; what its people send and hear is what the page shows. */
type Scene = (play: Play) => Promise<void>;

/** By the name that stands on the page, in this order: the first finds the demo groups only. */
export const scenes: Readonly<Record<string, Scene>> = {
  hello: async (play) => {
    const alice = await play.person('alice');
    for (const group of await play.neda.rest.groups(alice.tokens.accessToken)) play.names.learn(group.id, group.name);
    await alice.connect();
    await alice.asks('HELLO', { idlePingMs: 120_000 });
  },

  'no upgrade': (play) => play.gets('/ws'),

  'a bad hello': async (play) => {
    const alice = await play.person('alice');
    await alice.connect();
    await alice.asks('HELLO', { idlePingMs: 5 });
    await alice.seesTheEnd();
  },

  'a fresh token': async (play) => {
    const alice = await play.person('alice');
    await alice.connect();
    await alice.client.hello();
    const body = { refreshToken: alice.tokens.refreshToken };
    const fresh = tokens.parse(await play.neda.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body }));
    await alice.asks('AUTHENTICATE', { token: fresh.accessToken });
  },

  ping: async (play) => {
    const alice = await play.person('alice');
    await alice.connect();
    await alice.client.hello();
    await alice.asks('PING');
  },

  errors: async (play) => {
    const alice = await play.person('alice');
    await alice.connect();
    await alice.client.hello();
    await alice.asks('JOIN_GROUP', { groupId: 'x' });
    await alice.asks('SHOUT');
    alice.sendsRaw('hi');
    await alice.hears('ERROR');
    await alice.seesTheEnd();
  },

  'late entry': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const alice = await play.person('alice');
    await alice.connect();
    await alice.client.hello();
    await alice.asks('JOIN_GROUP', { groupId });
  },

  'what was missed': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const alice = await play.present('alice', groupId);
    await bob.client.waitFor(({ type, presenceCount }) => type === 'PRESENCE_CHANGED' && presenceCount === 2);
    const known = alice.client.messages('PRESENCE_CHANGED').at(-1);
    alice.client.terminate();
    await bob.client.waitFor(({ type, left = [] }) => type === 'PRESENCE_CHANGED' && left.length === 1);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await bob.client.waitForType('TALK_ENDED');
    await alice.connect();
    await alice.client.hello();
    await alice.asks('JOIN_GROUP', { groupId, since: { epoch: known?.epoch, seq: known?.seq } });
  },

  leave: async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    await bob.asks('LEAVE_GROUP', { groupId });
  },

  'a membership changes': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    await play.neda.rest.putMember(play.admin, groupId, bob.userId, { talk: 'listen_only' });
    await bob.hears('GROUP_UPDATED');
    const path = `/api/v1/admin/groups/${groupId}/members/${bob.userId}`;
    await play.neda.rest.expect(204, 'DELETE', path, { token: play.admin });
    await bob.hears('GROUP_REMOVED');
  },

  presence: async (play) => {
    const groupId = await play.team();
    const alice = await play.present('alice', groupId);
    alice.skips();
    const bob = await play.present('bob', groupId);
    await alice.hears('PRESENCE_CHANGED');
    bob.client.terminate();
    await alice.hears('PRESENCE_CHANGED');
  },

  'the floor is granted': async (play) => {
    const groupId = await play.team();
    const alice = await play.present('alice', groupId);
    const bob = await play.present('bob', groupId);
    await bob.asks('REQUEST_TALK', { groupId });
    await alice.hears('TALK_STARTED');
  },

  'the floor is denied': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const alice = await play.present('alice', groupId);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.asks('REQUEST_TALK', { groupId });
  },

  'the floor is let go': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const { talkId } = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.asks('RELEASE_TALK', { groupId, talkId });
    await bob.hears('TALK_ENDED');
  },

  'a time limit': async (play) => {
    play.names.times['durationMs'] = 1_000;
    const groupId = await play.team({ maxTalkMs: 1_000 });
    const bob = await play.present('bob', groupId);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.hears('TALK_REVOKED');
    await bob.hears('TALK_ENDED');
  },

  'the queue': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const alice = await play.present('alice', groupId);
    const carol = await play.present('carol', groupId);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.asks('REQUEST_TALK', { groupId, queue: true });
    await carol.asks('REQUEST_TALK', { groupId, queue: true });
    await bob.asks('RELEASE_TALK', { groupId });
    await alice.hears('TALK_ENDED');
    await alice.hears('TALK_GRANTED');
    await carol.hears('TALK_QUEUED');
  },

  'an emergency': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const carol = await play.present('carol', groupId);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const request = carol.sends('REQUEST_TALK', { groupId, emergency: true });
    await bob.hears('TALK_REVOKED');
    await bob.hears('TALK_ENDED');
    await bob.hears('TALK_STARTED');
    await carol.hears('TALK_ENDED');
    await carol.answered(request);
  },

  'a talk is revoked': async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const alice = await play.present('alice', groupId);
    const { talkId } = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.waitForType('TALK_STARTED');
    await alice.asks('REVOKE_TALK', { groupId, talkId });
    await bob.hears('TALK_REVOKED');
    await bob.hears('TALK_ENDED');
  },

  'audio over the socket': async (play) => {
    const groupId = await play.team();
    const alice = await play.present('alice', groupId);
    await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, audio: true });
    const bob = await play.present('bob', groupId);
    await bob.asks('JOIN_GROUP', { groupId, audio: true });
    const { streamId } = await bob.asks('REQUEST_TALK', { groupId });
    const silence = '20 ms of silence';
    bob.sendsPacket({ streamId: Number(streamId), number: 0, opus: Buffer.from([0xf8, 0xff, 0xfe]) }, silence);
    await alice.hearsPacket(silence);
  },

  'back in time': async (play) => {
    const groupId = await play.team();
    const alice = await play.present('alice', groupId);
    const bob = await play.present('bob', groupId);
    const { epoch, seq } = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    bob.client.terminate();
    await alice.client.waitFor(({ type, left = [] }) => type === 'PRESENCE_CHANGED' && left.length === 1);
    await bob.connect();
    const sent = [
      bob.sends('HELLO'),
      bob.sends('JOIN_GROUP', { groupId, since: { epoch, seq } }),
      bob.sends('REQUEST_TALK', { groupId }),
    ];
    await bob.client.answerTo(sent[0] ?? '');
    for (const id of sent.slice(1)) await bob.answered(id);
  },
};

/** The end of an epoch; only a live store outside the process can lose its data. */
export function aNewEpoch(redis: TestRedis): Scene {
  return async (play) => {
    const groupId = await play.team();
    const bob = await play.present('bob', groupId);
    const { epoch } = z.looseObject({ epoch: z.int() }).parse(bob.client.messages('PRESENCE_CHANGED')[0]);
    play.names.plain(epoch, 'epoch');
    await redis.command('FLUSHALL');
    await bob.hears('GROUP_STATE');
  };
}
