import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Neda } from '../_support/neda.ts';
import { until } from '../_support/until.ts';
import type { ServerMessage, Tokens } from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';

/** A deployment under test: the people of one process may be on another. */
export interface Deployment {
  readonly here: Neda;
  /** The second process, or the same one again where there is only one. */
  readonly there: Neda;
  /** What joiners are told of their media; `none` when left out. */
  readonly media?: 'livekit';
  close(): Promise<void>;
}

let phones = 0;

/** Logs in anew, so that each client is a session of its own. */
export async function signIn(neda: Neda, username: string): Promise<{ client: WsClient; tokens: Tokens }> {
  phones += 1;
  const tokens = await neda.rest.login(username, 'push-to-talk', { name: `phone ${phones}`, kind: 'phone' });
  return { client: await WsClient.signIn(neda.origin, tokens.accessToken), tokens };
}

/** A group of its own for each test, with alice as manager, bob and carol as members. */
export async function newGroup(neda: Neda, settings: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const admin = await neda.rest.login('admin');
  const users = new Map<string, string>();
  for (const name of ['alice', 'bob', 'carol']) users.set(name, (await neda.rest.login(name)).user.id);
  const managerId = users.get('alice') ?? '';
  const group = await neda.rest.createGroup(admin.accessToken, { name: `Group ${phones}`, managerId, settings });
  for (const name of ['bob', 'carol']) {
    await neda.rest.putMember(admin.accessToken, group.id, users.get(name) ?? '');
  }
  return group.id;
}

/** What every start of the server must do, whatever live store stands behind it (protocol.md, floor.md). */
export function describeTalk(name: string, deploy: () => Promise<Deployment>): void {
  describe(`a talk: ${name}`, () => {
    let deployment: Deployment;
    let here: Neda;
    let there: Neda;
    let kind: string;
    const clients: WsClient[] = [];

    beforeAll(async () => {
      deployment = await deploy();
      ({ here, there, media: kind = 'none' } = deployment);
    });
    afterAll(async () => {
      for (const client of clients) client.terminate();
      await deployment.close();
    });

    async function person(neda: Neda, username: string): Promise<{ client: WsClient; tokens: Tokens }> {
      const signedIn = await signIn(neda, username);
      clients.push(signedIn.client);
      return signedIn;
    }

    async function pair(settings: Readonly<Record<string, unknown>> = {}) {
      const groupId = await newGroup(here, settings);
      const alice = await person(here, 'alice');
      const bob = await person(there, 'bob');
      const aliceJoined = await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const bobJoined = await bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      return { groupId, alice, bob, aliceJoined, bobJoined };
    }

    function talkEvents(client: WsClient, groupId: string): ServerMessage[] {
      return client
        .messages()
        .filter((message) => message.groupId === groupId)
        .filter(({ type }) => type === 'TALK_STARTED' || type === 'TALK_GRANTED' || type === 'TALK_ENDED');
    }

    test('READY names the person, the session and the groups', async () => {
      const { tokens } = await person(here, 'bob');
      const client = await WsClient.connect(here.origin);
      clients.push(client);
      const ready = await client.hello({ token: tokens.accessToken });
      expect(ready).toMatchObject({
        user: { id: tokens.user.id, username: 'bob', role: 'user' },
        session: { id: tokens.session.id, userId: tokens.user.id },
        pingIntervalMs: 20_000,
      });
      expect(ready['groups']).toContainEqual(
        expect.objectContaining({ name: 'Team', role: 'member', talk: 'allowed' }),
      );
    });

    test('press, talk, release: each side is told its part, with the same numbers', async () => {
      const { groupId, alice, bob, aliceJoined } = await pair();
      expect(aliceJoined).toMatchObject({
        groupId,
        floor: { state: 'idle' },
        recovered: false,
        missed: [],
        media: { kind },
      });
      const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(granted).toMatchObject({ groupId, maxTalkMs: 60_000, remainingMs: 60_000, media: { kind } });
      const started = await bob.client.waitForType('TALK_STARTED', { groupId });
      expect(started).toMatchObject({
        epoch: granted['epoch'],
        seq: granted['seq'],
        talkId: granted['talkId'],
        streamId: granted['streamId'],
        speaker: { userId: alice.tokens.user.id, displayName: alice.tokens.user.displayName },
        emergency: false,
      });
      const denied = await bob.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId });
      expect(denied).toMatchObject({ cause: 'busy', holder: { userId: alice.tokens.user.id } });
      expect(await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: false });

      const released = await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', {
        groupId,
        talkId: granted['talkId'],
      });
      expect(released['released']).toBe(true);
      for (const { client } of [alice, bob]) {
        const ended = await client.waitForType('TALK_ENDED', { groupId });
        expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'released', seq: Number(granted['seq']) + 1 });
      }
      const order = alice.client.messages().map(({ type }) => type);
      expect(order.indexOf('TALK_RELEASED')).toBeLessThan(order.indexOf('TALK_ENDED'));
      expect(talkEvents(alice.client, groupId).map(({ type }) => type)).toEqual(['TALK_GRANTED', 'TALK_ENDED']);

      const next = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(next['seq']).toBe(Number(granted['seq']) + 2);
    });

    test('a late entrant sees who talks, and that it is not he', async () => {
      const { groupId, alice } = await pair();
      const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const carol = await person(there, 'carol');
      const joined = await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      expect(joined['floor']).toMatchObject({
        state: 'taken',
        talkId: granted['talkId'],
        streamId: granted['streamId'],
        speaker: { userId: alice.tokens.user.id },
        mine: false,
      });
      expect(joined['presenceCount']).toBe(3);
    });

    test('HELLO, JOIN and REQUEST in one flight are answered in one flight', async () => {
      const groupId = await newGroup(here);
      const { tokens } = await person(here, 'carol');
      const client = await WsClient.connect(there.origin, { token: tokens.accessToken });
      clients.push(client);
      const hello = client.send('HELLO');
      const join = client.send('JOIN_GROUP', { groupId });
      const request = client.send('REQUEST_TALK', { groupId });
      expect(await client.answerTo(hello)).toMatchObject({ type: 'READY' });
      expect(await client.answerTo(join)).toMatchObject({ type: 'GROUP_JOINED' });
      expect(await client.answerTo(request)).toMatchObject({ type: 'TALK_GRANTED' });
    });

    test('a tap shorter than the round trip leaves nothing open', async () => {
      const { groupId, alice, bob } = await pair();
      const request = alice.client.send('REQUEST_TALK', { groupId });
      const release = alice.client.send('RELEASE_TALK', { groupId });
      expect(await alice.client.answerTo(request)).toMatchObject({ type: 'TALK_GRANTED' });
      expect(await alice.client.answerTo(release)).toMatchObject({ type: 'TALK_RELEASED', released: true });
      await bob.client.waitForType('TALK_ENDED', { groupId });
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    });

    test('taps of every length leave the same picture with everybody', async () => {
      const { groupId, alice, bob } = await pair();
      for (const roundTrips of [0, 1, 0, 2, 1, 0, 1, 2, 0, 1, 0, 0]) {
        const mark = bob.client.mark();
        const request = alice.client.send('REQUEST_TALK', { groupId });
        for (let trip = 0; trip < roundTrips; trip += 1) await alice.client.settled();
        const release = alice.client.send('RELEASE_TALK', { groupId });
        const granted = await alice.client.answerTo(request);
        expect(granted).toMatchObject({ type: 'TALK_GRANTED', maxTalkMs: 60_000 });
        expect(await alice.client.answerTo(release)).toMatchObject({ type: 'TALK_RELEASED', released: true });
        const started = await bob.client.waitForType('TALK_STARTED', { groupId, after: mark });
        expect(started).toMatchObject({ talkId: granted['talkId'], seq: granted['seq'] });
        const ended = await bob.client.waitForType('TALK_ENDED', { groupId, after: mark });
        await alice.client.waitFor((message) => message.type === 'TALK_ENDED' && message['seq'] === ended['seq']);
      }
      const types = talkEvents(alice.client, groupId).map(({ type }) => type);
      types.forEach((type, index) => expect(type).toBe(index % 2 ? 'TALK_ENDED' : 'TALK_GRANTED'));
    });

    test('asking again gives the same grant, never one for a talk that is over', async () => {
      const { groupId, alice } = await pair();
      const asked = [1, 2, 3].map(() => alice.client.send('REQUEST_TALK', { groupId }));
      const answers = await Promise.all(asked.map((id) => alice.client.answerTo(id)));
      expect(new Set(answers.map((answer) => `${answer.type} ${answer.talkId}`)).size).toBe(1);
      expect(answers[0]?.type).toBe('TALK_GRANTED');
      const again = alice.client.send('REQUEST_TALK', { groupId });
      const release = alice.client.send('RELEASE_TALK', { groupId });
      await alice.client.answerTo(release);
      expect(await alice.client.answerTo(again)).toMatchObject({ type: 'TALK_GRANTED', talkId: answers[0]?.talkId });
      await alice.client.waitForType('TALK_ENDED', { groupId });
      const types = alice.client.messages().map(({ type }) => type);
      expect(types.lastIndexOf('TALK_GRANTED')).toBeLessThan(types.indexOf('TALK_ENDED'));
    });

    test('an emergency that is given up at once does not end the talk as if its sound had failed', async () => {
      for (let round = 0; round < 6; round += 1) {
        const { groupId, alice, bob } = await pair();
        await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
        bob.client.send('REQUEST_TALK', { groupId, emergency: true });
        await bob.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
        await alice.client.request('RELEASE_TALK', { groupId });
        const ended = await alice.client.waitForType('TALK_ENDED', { groupId });
        expect(['released', 'preempted']).toContain(ended['cause']);
      }
    });

    test('joining again in the middle of things loses no event and repeats none', async () => {
      const { groupId, alice, bob } = await pair();
      for (let round = 0; round < 8; round += 1) {
        await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
        const request = bob.client.send('REQUEST_TALK', { groupId, emergency: true });
        const joins = Array.from({ length: 12 }, () => 0).map(() => bob.client.send('JOIN_GROUP', { groupId }));
        for (const id of [request, ...joins]) await bob.client.answerTo(id);
        await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
        await alice.client.settled();
      }
      const numbers = bob.client
        .messages()
        .filter((message) => message.groupId === groupId && message['seq'] !== undefined)
        .map((message) => ({ isSnapshot: message.type === 'GROUP_JOINED', seq: Number(message['seq']) }));
      let last = numbers[0]?.seq ?? 0;
      for (const { isSnapshot, seq } of numbers.slice(1)) {
        expect(seq, JSON.stringify(numbers)).toBe(isSnapshot ? last : last + 1);
        last = seq;
      }
    });

    test('presence is announced to all, and ends with the socket', async () => {
      const { groupId, alice, bob } = await pair();
      const carol = await person(there, 'carol');
      await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const names = (message: ServerMessage, field: string, userId: string): boolean =>
        message.type === 'PRESENCE_CHANGED' &&
        message.groupId === groupId &&
        JSON.stringify(message[field]).includes(userId);
      await alice.client.waitFor((message) => names(message, 'joined', carol.tokens.user.id));
      carol.client.terminate();
      for (const { client } of [alice, bob]) {
        const left = await client.waitFor((message) => names(message, 'left', carol.tokens.user.id), {
          limitMs: 2_000,
        });
        expect(left['presenceCount']).toBe(2);
      }
    });

    test('a lost socket frees the floor after the grace', async () => {
      const { groupId, alice, bob } = await pair();
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const lostAtMs = performance.now();
      alice.client.terminate();
      const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 9_000 });
      expect(ended['cause']).toBe('lost');
      expect(bob.client.timeOf(ended) - lostAtMs).toBeGreaterThan(1_900);
      expect(bob.client.timeOf(ended) - lostAtMs).toBeLessThan(4_000);
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    });

    test('back within the grace, on another process too, the talk goes on', async () => {
      const { groupId, alice, bob } = await pair();
      const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      alice.client.terminate();
      const back = await WsClient.signIn(there.origin, alice.tokens.accessToken);
      clients.push(back);
      const since = { epoch: granted['epoch'], seq: granted['seq'] };
      const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, since });
      expect(joined['recovered']).toBe(true);
      expect(joined['floor']).toMatchObject({ state: 'taken', talkId: granted['talkId'], mine: true });
      const again = await back.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(again).toMatchObject({ talkId: granted['talkId'], seq: granted['seq'], streamId: granted['streamId'] });
      expect(await back.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
      expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'released' });
    });

    test('what was missed comes with the next join, exactly', async () => {
      const { groupId, alice, bob } = await pair();
      const first = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await bob.client.waitForType('TALK_STARTED', { groupId });
      bob.client.terminate();
      await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      const back = await WsClient.signIn(here.origin, bob.tokens.accessToken);
      clients.push(back);
      const since = { epoch: first['epoch'], seq: first['seq'] };
      const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, since });
      expect(joined['recovered']).toBe(true);
      const missed = joined['missed'];
      if (!Array.isArray(missed)) throw new Error('missed is no list');
      expect(missed.filter((event) => event.type !== 'PRESENCE_CHANGED')).toEqual([
        expect.objectContaining({ type: 'TALK_ENDED', talkId: first['talkId'], cause: 'released' }),
      ]);
      const seqs = missed.map((event) => Number(event.seq));
      expect(seqs).toEqual(seqs.map((_, index) => Number(first['seq']) + 1 + index));
      expect(joined['seq']).toBe(seqs.at(-1));
    });

    test('a second socket of a session replaces the first and keeps the talk', async () => {
      const { groupId, alice, bob } = await pair();
      const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await bob.client.waitForType('TALK_STARTED', { groupId });
      const mark = bob.client.mark();
      const second = await WsClient.signIn(there.origin, alice.tokens.accessToken);
      clients.push(second);
      expect((await alice.client.closed()).code).toBe(4506);
      const joined = await second.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      expect(joined['floor']).toMatchObject({ talkId: granted['talkId'], mine: true });
      expect(await second.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
      await bob.client.waitForType('TALK_ENDED', { groupId, after: mark });
      expect(bob.client.messages('PRESENCE_CHANGED', mark).filter((message) => message.groupId === groupId)).toEqual(
        [],
      );
    });

    test('leaving ends the own talk at once, released', async () => {
      const { groupId, alice, bob } = await pair();
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await alice.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
      expect(await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 })).toMatchObject({
        cause: 'released',
      });
      expect(await alice.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId })).toMatchObject({
        cause: 'not_joined',
      });
      await alice.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
    });

    test('the longest talk ends too_long, its talker is told first and waits', async () => {
      const { groupId, alice, bob } = await pair({ maxTalkMs: 1_000 });
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 3_000 });
      expect(ended['cause']).toBe('too_long');
      const revoked = await alice.client.waitForType('TALK_REVOKED', { groupId });
      expect(revoked).toMatchObject({ cause: 'too_long', retryAfterMs: 2_000 });
      await alice.client.waitForType('TALK_ENDED', { groupId });
      const order = alice.client
        .messages()
        .filter((message) => message.groupId === groupId)
        .map(({ type }) => type);
      expect(order.indexOf('TALK_REVOKED')).toBeLessThan(order.indexOf('TALK_ENDED'));
      const denied = await alice.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId });
      expect(denied).toMatchObject({ cause: 'cooldown' });
    });

    test('the manager cuts a talker off, a member may not', async () => {
      const { groupId, alice, bob } = await pair();
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const carol = await person(there, 'carol');
      expect(await carol.client.request('REVOKE_TALK', { groupId })).toMatchObject({
        type: 'ERROR',
        code: 'forbidden',
      });
      expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({
        revoked: true,
      });
      expect(await bob.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({
        cause: 'revoked',
        retryAfterMs: 0,
      });
      expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'revoked' });
      expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({
        revoked: false,
      });
    });

    test('a queued asker is granted when the talk ends, and told his place', async () => {
      const { groupId, alice, bob } = await pair();
      const carol = await person(there, 'carol');
      await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(await bob.client.request('REQUEST_TALK', { groupId, queue: true })).toMatchObject({
        type: 'TALK_QUEUED',
        position: 1,
      });
      expect(await carol.client.request('REQUEST_TALK', { groupId, queue: true })).toMatchObject({
        type: 'TALK_QUEUED',
        position: 2,
      });
      await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      const granted = await bob.client.waitForType('TALK_GRANTED', { groupId });
      expect(granted.re).toBeUndefined();
      const moved = await carol.client.waitFor(
        (message) => message.type === 'TALK_QUEUED' && message['position'] === 1,
      );
      expect(moved.re).toBeUndefined();
      expect(await alice.client.waitForType('TALK_STARTED', { groupId })).toMatchObject({
        talkId: granted['talkId'],
        speaker: { userId: bob.tokens.user.id },
      });
    });

    test('an emergency takes the floor with no third party between', async () => {
      const { groupId, alice, bob } = await pair();
      const first = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const second = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, emergency: true });
      expect(second['seq']).toBe(Number(first['seq']) + 2);
      expect(await alice.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({ cause: 'preempted' });
      expect(await alice.client.waitForType('TALK_STARTED', { groupId })).toMatchObject({ emergency: true });
    });

    test('groups that one is not in, and groups that do not exist, look alike', async () => {
      const groupId = await newGroup(here);
      const { client } = await person(there, 'admin');
      const unknown = '01890000-0000-7000-8000-000000000000';
      const answers = [
        await client.request('JOIN_GROUP', { groupId }),
        await client.request('JOIN_GROUP', { groupId: unknown }),
        await client.request('REQUEST_TALK', { groupId: unknown }),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ type: 'ERROR', code: 'not_found' });
      expect(answers[0]?.['message']).toBe(answers[1]?.['message']);
      expect(await client.request('REVOKE_TALK', { groupId })).toMatchObject({
        type: 'TALK_REVOKE_DONE',
        revoked: false,
      });
      expect(await client.request('REVOKE_TALK', { groupId: unknown })).toMatchObject({
        type: 'ERROR',
        code: 'not_found',
      });
    });

    test('of a hundred presses at once exactly one is granted, and all are answered', async () => {
      const groupId = await newGroup(here);
      const crowd = await Promise.all(
        Array.from({ length: 24 }, (_, index) =>
          person(index % 2 ? here : there, ['alice', 'bob', 'carol'][index % 3] ?? ''),
        ),
      );
      await Promise.all(crowd.map(({ client }) => client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId })));
      const answers = await Promise.all(crowd.map(({ client }) => client.request('REQUEST_TALK', { groupId })));
      expect(answers.filter(({ type }) => type === 'TALK_GRANTED')).toHaveLength(1);
      expect(answers.filter((answer) => answer.type === 'TALK_DENIED' && answer['cause'] === 'busy')).toHaveLength(23);
    });

    test('a session that ends loses its socket and its talk', async () => {
      const { groupId, alice, bob } = await pair();
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await here.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: alice.tokens.accessToken });
      expect((await alice.client.closed(2_000)).code).toBe(4503);
      expect(await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 })).toMatchObject({
        cause: 'removed',
      });
    });

    test('a removed member loses his talk and the group; the others are told of the end', async () => {
      const { groupId, alice, bob } = await pair();
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const admin = await here.rest.login('admin');
      const path = `/api/v1/admin/groups/${groupId}/members/${bob.tokens.user.id}`;
      await here.rest.expect(204, 'DELETE', path, { token: admin.accessToken });
      expect(await bob.client.waitForType('GROUP_REMOVED', { groupId, limitMs: 2_000 })).toMatchObject({
        cause: 'removed',
      });
      expect(await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 })).toMatchObject({
        cause: 'removed',
      });
      expect(await bob.client.request('JOIN_GROUP', { groupId })).toMatchObject({ type: 'ERROR', code: 'not_found' });
      expect(bob.client.messages('TALK_ENDED')).toEqual([]);
    });

    test('who may only listen from now on loses his talk and stays', async () => {
      const { groupId, alice, bob } = await pair();
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const admin = await here.rest.login('admin');
      await here.rest.putMember(admin.accessToken, groupId, bob.tokens.user.id, { talk: 'listen_only' });
      expect(await bob.client.waitForType('TALK_REVOKED', { groupId, limitMs: 2_000 })).toMatchObject({
        cause: 'removed',
      });
      expect(await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 })).toMatchObject({
        cause: 'removed',
      });
      const updated = await bob.client.waitFor(
        (message) => message.type === 'GROUP_UPDATED' && message.groupId === groupId,
      );
      expect(updated['me']).toEqual({ role: 'member', talk: 'listen_only' });
      expect(await bob.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId })).toMatchObject({
        cause: 'listen_only',
      });
      await here.rest.putMember(admin.accessToken, groupId, bob.tokens.user.id, { talk: 'allowed' });
      const allowed = (message: ServerMessage): boolean =>
        message.type === 'GROUP_UPDATED' && JSON.stringify(message['me']).includes('allowed');
      await bob.client.waitFor(allowed);
      await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    });

    test("a deleted group's members hear the end of its talk, then that the group is gone", async () => {
      const { groupId, alice, bob } = await pair();
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await bob.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
      const marks = [alice, bob].map(({ client }) => client.mark());
      const admin = await here.rest.login('admin');
      await here.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}`, { token: admin.accessToken });
      for (const { client } of [alice, bob]) {
        const removed = await client.waitForType('GROUP_REMOVED', { groupId, limitMs: 2_000 });
        expect(removed['cause']).toBe('group_deleted');
      }
      for (const [index, { client }] of [alice, bob].entries()) {
        await client.settled();
        const news = client.messages(undefined, marks[index]).filter((message) => message.groupId === groupId);
        expect(news.map(({ type }) => type)).toEqual(['TALK_ENDED', 'GROUP_REMOVED']);
      }
      expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'removed' });
    });

    test('everybody sees the numbers of a group grow by one', async () => {
      const { groupId, alice, bob } = await pair();
      for (const { client } of [alice, bob, alice]) {
        await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
        await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      }
      const last = await until(() => talkEvents(alice.client, groupId)[5], {
        limitMs: 2_000,
        describe: () => alice.client.describe(),
      });
      await bob.client.waitFor((message) => message.groupId === groupId && message['seq'] === last['seq']);
      for (const { client } of [alice, bob]) {
        const seqs = client
          .messages()
          .filter((message) => message.groupId === groupId && message['seq'] !== undefined)
          .map((message) => Number(message['seq']));
        const first = seqs[0] ?? 0;
        expect(seqs).toEqual(seqs.map((_, index) => first + index));
      }
    });
  });
}
