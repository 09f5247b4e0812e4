import { z } from 'zod';
import { notFound } from '../errors.ts';
import type { Groups } from '../groups/index.ts';
import { pageOf, uuidV7 } from '../http/contract.ts';
import { answerPage, type Cursors, placeOf, positionOf } from '../http/cursors.ts';
import { callerOf, type HttpServer } from '../http/server.ts';
import { groupTalksQuery, historyQuery, talk, voiceSession } from './contract.ts';
import type { History } from './service.ts';
import { talkOnWire, voiceSessionOnWire } from './wire.ts';

const admin = { access: 'admin' } as const;

/** Finished talks and voice sessions, newest first. */
export function registerHistoryRoutes(
  server: HttpServer,
  parts: { readonly history: History; readonly groups: Groups; readonly cursors: Cursors },
): void {
  const { history, groups, cursors } = parts;

  server.get(
    '/groups/:id/talks',
    {
      config: { access: 'session' },
      schema: {
        tags: ['groups'],
        summary: 'Who talked in one of my groups',
        params: z.strictObject({ id: uuidV7 }),
        querystring: groupTalksQuery,
        response: { 200: pageOf(talk) },
      },
    },
    async (request) => {
      const groupId = request.params.id;
      const userId = callerOf(request).user.id;
      const filter = { ...request.query, groupId };
      const page = await answerPage(
        cursors,
        ['group talks', ...namesOf(filter)],
        request.query,
        async (position, limit) => {
          if ((await groups.membershipOf(userId, groupId, { isFresh: true })) === null) throw notFound();
          return history.listTalks(filter, { after: startOf(position), limit });
        },
        (row) => positionOf(row.startedAt, row.talkId),
      );
      return { ...page, items: page.items.map(talkOnWire) };
    },
  );

  server.get(
    '/admin/talks',
    {
      config: admin,
      schema: {
        tags: ['admin: history'],
        summary: 'Who talked, in all groups',
        querystring: historyQuery,
        response: { 200: pageOf(talk) },
      },
    },
    async (request) => {
      const filter = request.query;
      const page = await answerPage(
        cursors,
        ['talks', ...namesOf(filter)],
        request.query,
        (position, limit) => history.listTalks(filter, { after: startOf(position), limit }),
        (row) => positionOf(row.startedAt, row.talkId),
      );
      return { ...page, items: page.items.map(talkOnWire) };
    },
  );

  server.get(
    '/admin/voice-sessions',
    {
      config: admin,
      schema: {
        tags: ['admin: history'],
        summary: 'When groups were live; with a user: where he talked',
        querystring: historyQuery,
        response: { 200: pageOf(voiceSession) },
      },
    },
    async (request) => {
      const filter = request.query;
      const page = await answerPage(
        cursors,
        ['voice sessions', ...namesOf(filter)],
        request.query,
        (position, limit) => history.listVoiceSessions(filter, { after: startOf(position), limit }),
        (row) => positionOf(row.startedAt, row.id),
      );
      return { ...page, items: page.items.map(voiceSessionOnWire) };
    },
  );
}

type Filter = Parameters<History['listTalks']>[0];
type Place = Parameters<History['listTalks']>[1]['after'];

/** The filters as parts of the list's name, which its cursors are bound to. */
function namesOf({ groupId, userId, from, to }: Filter): (string | undefined)[] {
  return [groupId, userId, from?.toISOString(), to?.toISOString()];
}

function startOf(position: string | undefined): Place {
  const place = placeOf(position);
  return place && { startedAt: place.at, id: place.id };
}
