import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TalkRecord } from '../../src/realtime/floor/index.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';
import { type HistoryBench, openBench, sourceOf, startMs, talkOf } from './history-harness.ts';

const talkPage = z.strictObject({ items: z.array(wire.talk), nextCursor: z.string().nullable() });
const sessionPage = z.strictObject({ items: z.array(wire.voiceSession), nextCursor: z.string().nullable() });

let bench: HistoryBench;
let server: InProcessServer;
/** Access tokens. */
let admin: string;
let alice: wire.Tokens;
let bob: wire.Tokens;

beforeAll(async () => {
  bench = await openBench({ hasUsers: false });
  server = await startInProcess({ databaseUrl: bench.url });
  admin = (await server.rest.login('admin')).accessToken;
  alice = await server.rest.login('alice');
  bob = await server.rest.login('bob');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await bench.close();
});

interface Scene {
  readonly groupId: string;
  readonly voiceSessionId: string;
  /** Oldest first, 10 s apart, but the third and the fourth start together; by Alice and Bob in turn. */
  readonly talks: readonly TalkRecord[];
}

/** A group of Alice and Bob with a voice session of so many talks. */
async function talkedIn(count: number): Promise<Scene> {
  const group = await server.rest.createGroup(admin, { name: 'Talked', managerId: alice.user.id });
  await server.rest.putMember(admin, group.id, bob.user.id);
  const voiceSessionId = uuidv7();
  const talks = Array.from({ length: count }, (_, index) => {
    const { user } = index % 2 ? bob : alice;
    const atMs = startMs + (index === 3 ? 2 : index) * 10_000;
    const speaker = { userId: user.id, displayName: user.displayName };
    return talkOf({ userId: user.id, speaker, voiceSessionId, startMs: atMs, endMs: atMs + 900 });
  });
  await bench.store(sourceOf([group.id, { kind: 'opened', voiceSessionId, startMs }, ...talks]));
  return { groupId: group.id, voiceSessionId, talks };
}

async function talksAt(path: string, token = admin): Promise<{ ids: string[]; nextCursor: string | null }> {
  const page = talkPage.parse(await server.rest.expect(200, 'GET', `/api/v1${path}`, { token }));
  return { ids: page.items.map(({ talkId }) => talkId), nextCursor: page.nextCursor };
}

function newestFirst(talks: readonly TalkRecord[]): string[] {
  return talks
    .toSorted((one, other) => other.startMs - one.startMs || (one.talkId < other.talkId ? 1 : -1))
    .map(({ talkId }) => talkId);
}

describe('finished talks', () => {
  it('are given to members as the contract has them, the newest first', async () => {
    const { groupId, voiceSessionId, talks } = await talkedIn(5);
    const [first] = talks;
    const body = await server.rest.expect(200, 'GET', `/api/v1/groups/${groupId}/talks`, { token: bob.accessToken });
    const page = talkPage.parse(body);
    expect(page.items.map(({ talkId }) => talkId)).toEqual(newestFirst(talks));
    expect(page.nextCursor).toBeNull();
    expect(page.items.at(-1)).toEqual({
      talkId: first?.talkId,
      groupId,
      voiceSessionId,
      speaker: { userId: alice.user.id, displayName: alice.user.displayName },
      emergency: false,
      startedAt: '2026-01-31T09:30:00.123Z',
      endedAt: '2026-01-31T09:30:01.023Z',
      durationMs: 900,
      cause: 'released',
    });
  });

  it('come in pages that stay true while others are added', async () => {
    const { groupId, voiceSessionId, talks } = await talkedIn(7);
    const path = `/groups/${groupId}/talks?limit=2`;
    const ids: string[] = [];
    let page = await talksAt(path, alice.accessToken);
    for (;;) {
      ids.push(...page.ids);
      if (page.nextCursor === null) break;
      const newer = talkOf({
        userId: bob.user.id,
        voiceSessionId,
        startMs: startMs + 900_000,
        endMs: startMs + 900_001,
      });
      await bench.store(sourceOf([groupId, newer]));
      page = await talksAt(`${path}&cursor=${encodeURIComponent(page.nextCursor)}`, alice.accessToken);
    }
    expect(ids).toEqual(newestFirst(talks));
  });

  it('are filtered by talker and by start, which `from` includes and `to` does not', async () => {
    const { groupId, talks } = await talkedIn(6);
    const at = (index: number): string => encodeURIComponent(new Date(talks[index]?.startMs ?? 0).toISOString());
    const some = (...indexes: number[]): string[] => newestFirst(talks.filter((_, index) => indexes.includes(index)));
    for (const path of [`/groups/${groupId}/talks?`, `/admin/talks?groupId=${groupId}&`]) {
      const token = path.startsWith('/groups') ? alice.accessToken : admin;
      const ids = async (query: string): Promise<string[]> => (await talksAt(`${path}${query}`, token)).ids;
      expect(await ids(`userId=${bob.user.id}`)).toEqual(some(1, 3, 5));
      expect(await ids(`userId=${uuidv7()}`)).toEqual([]);
      expect(await ids(`from=${at(4)}`)).toEqual(some(4, 5));
      expect(await ids(`to=${at(2)}`)).toEqual(some(0, 1));
      expect(await ids(`from=${at(1)}&to=${at(5)}&userId=${alice.user.id}`)).toEqual(some(2, 4));
      expect(await ids(`from=${at(5)}&to=${at(1)}`)).toEqual([]);
    }
  });

  it('are only for members; admins read all, also of what is deleted', async () => {
    const { groupId, talks } = await talkedIn(2);
    const carol = await server.rest.login('carol');
    for (const token of [carol.accessToken, admin]) {
      await server.rest.expectProblem(404, 'GET', `/api/v1/groups/${groupId}/talks`, { token });
    }
    await server.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}`, { token: admin });
    const problem = await server.rest.expectProblem(404, 'GET', `/api/v1/groups/${groupId}/talks`, {
      token: alice.accessToken,
    });
    expect(problem.code).toBe('not_found');
    expect((await talksAt(`/admin/talks?groupId=${groupId}`)).ids).toEqual(newestFirst(talks));
    expect((await talksAt('/admin/talks')).ids).toEqual(expect.arrayContaining(newestFirst(talks)));
  });
});

describe('voice sessions', () => {
  it('are given to admins as the contract has them, the newest first', async () => {
    const { groupId, voiceSessionId } = await talkedIn(3);
    const next = uuidv7();
    await bench.store(
      sourceOf([
        groupId,
        { kind: 'closed', voiceSessionId, endMs: startMs + 60_000, participants: 3 },
        { kind: 'opened', voiceSessionId: next, startMs: startMs + 70_000 },
        { kind: 'closed', voiceSessionId: next, endMs: startMs + 130_000, participants: 1 },
      ]),
    );
    const path = `/api/v1/admin/voice-sessions?groupId=${groupId}`;
    const first = sessionPage.parse(await server.rest.expect(200, 'GET', `${path}&limit=1`, { token: admin }));
    expect(first.items).toMatchObject([{ id: next, groupId, talkCount: 0, talkMs: 0, participantCount: 1 }]);
    const cursor = encodeURIComponent(first.nextCursor ?? '');
    const rest = sessionPage.parse(
      await server.rest.expect(200, 'GET', `${path}&limit=1&cursor=${cursor}`, { token: admin }),
    );
    expect(rest.items).toEqual([
      {
        id: voiceSessionId,
        groupId,
        startedAt: '2026-01-31T09:30:00.123Z',
        endedAt: '2026-01-31T09:31:00.123Z',
        talkCount: 3,
        talkMs: 2_700,
        participantCount: 3,
      },
    ]);
    expect(rest.nextCursor).toBeNull();

    const ids = async (query: string): Promise<string[]> =>
      sessionPage
        .parse(await server.rest.expect(200, 'GET', `${path}&${query}`, { token: admin }))
        .items.map(({ id }) => id);
    expect(await ids(`userId=${bob.user.id}`)).toEqual([voiceSessionId]);
    expect(await ids('from=2026-01-31T09:31:00Z')).toEqual([next]);
    expect(await ids('to=2026-01-31T09:31:00Z')).toEqual([voiceSessionId]);
  });
});

describe('the lists', () => {
  it.each([
    '/admin/talks?group=1',
    '/admin/talks?groupId=1',
    '/admin/talks?userId=x',
    '/admin/talks?from=yesterday',
    '/admin/talks?from=2026-01-31',
    '/admin/talks?from=2026-02-30T00:00:00Z',
    '/admin/talks?from=0000-01-01T00:00:00Z',
    '/admin/talks?from=2026-01-31T00:00:00%2B01:00',
    '/admin/talks?to=1767225600000',
    '/admin/talks?to=2026-01-31T00:00:00Z&to=2026-01-31T00:00:00Z',
    '/admin/talks?limit=0',
    '/admin/talks?limit=101',
    '/admin/talks?cursor=abc',
    '/admin/voice-sessions?search=x',
    '/admin/voice-sessions?from=',
    '/groups/01890a5d-ac96-774b-bcce-b302099a8057/talks?groupId=01890a5d-ac96-774b-bcce-b302099a8057',
    '/groups/1/talks',
  ])('refuse %s', async (path) => {
    const problem = await server.rest.expectProblem(400, 'GET', `/api/v1${path}`, { token: admin });
    expect(problem.code).toBe('validation_failed');
  });

  it('take the whole range of years', async () => {
    const query = 'from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59.999Z';
    expect((await talksAt(`/admin/talks?${query}&limit=100`)).ids.length).toBeGreaterThan(0);
  });

  it('refuse the cursor of another list or with other filters', async () => {
    const { groupId } = await talkedIn(3);
    const { nextCursor } = await talksAt(`/admin/talks?groupId=${groupId}&limit=1`);
    const cursor = `cursor=${encodeURIComponent(nextCursor ?? '')}`;
    expect((await talksAt(`/admin/talks?groupId=${groupId}&${cursor}`)).ids).toHaveLength(2);
    for (const path of [
      `/admin/talks?${cursor}`,
      `/admin/talks?groupId=${groupId}&userId=${bob.user.id}&${cursor}`,
      `/admin/talks?groupId=${groupId}&from=2020-01-01T00:00:00Z&${cursor}`,
      `/admin/talks?groupId=${groupId}&to=2030-01-01T00:00:00Z&${cursor}`,
      `/admin/voice-sessions?groupId=${groupId}&${cursor}`,
    ]) {
      await server.rest.expectProblem(400, 'GET', `/api/v1${path}`, { token: admin });
    }
    await server.rest.expectProblem(400, 'GET', `/api/v1/groups/${groupId}/talks?${cursor}`, {
      token: alice.accessToken,
    });
  });

  it('ask for a session, and the admin’s for an admin', async () => {
    for (const path of ['/admin/talks', '/admin/voice-sessions', `/groups/${uuidv7()}/talks`]) {
      await server.rest.expectProblem(401, 'GET', `/api/v1${path}`);
    }
    for (const path of ['/admin/talks', '/admin/voice-sessions']) {
      await server.rest.expectProblem(403, 'GET', `/api/v1${path}`, { token: alice.accessToken });
    }
  });

  it('stand in the OpenAPI document with their filters', async () => {
    const document = z
      .object({
        paths: z.record(
          z.string(),
          z.object({ get: z.object({ parameters: z.array(z.object({ name: z.string() })).optional() }).optional() }),
        ),
      })
      .parse(await server.rest.expect(200, 'GET', '/openapi.json'));
    const filters = (path: string): string[] =>
      (document.paths[`/api/v1${path}`]?.get?.parameters ?? []).map(({ name }) => name).toSorted();
    expect(filters('/groups/{id}/talks')).toEqual(['cursor', 'from', 'id', 'limit', 'to', 'userId']);
    expect(filters('/admin/talks')).toEqual(['cursor', 'from', 'groupId', 'limit', 'to', 'userId']);
    expect(filters('/admin/voice-sessions')).toEqual(['cursor', 'from', 'groupId', 'limit', 'to', 'userId']);
  });
});
