import { expect, test } from 'vitest';
import { roomChangeOf } from './room-events.ts';

test.each([
  [
    'session.ended',
    { userId: 'u', sessionId: 's', cause: 'logout' },
    'out',
    { groupId: null, userId: 'u', sessionId: 's' },
  ],
  ['member.removed', { groupId: 'g', userId: 'u' }, 'out', { groupId: 'g', userId: 'u', sessionId: null }],
  ['member.added', { groupId: 'g', userId: 'u' }, 'in', { groupId: 'g', userId: 'u', sessionId: null }],
  ['group.deleted', { groupId: 'g' }, 'out', { groupId: 'g', userId: null, sessionId: null }],
] as const)('%s changes who may be in rooms', (type, payload, kind, whom) => {
  expect(roomChangeOf({ type, payload })).toEqual({ kind, whom });
});

test.each([
  ['user.updated', { userId: 'u' }],
  ['member.changed', { groupId: 'g', userId: 'u', talk: 'listen_only' }],
  ['session.ended', { userId: 'u' }],
  ['member.removed', { userId: 'u' }],
  ['group.deleted', {}],
  ['group.deleted', null],
])('%s of %o does not', (type, payload) => {
  expect(roomChangeOf({ type, payload })).toBeNull();
});
