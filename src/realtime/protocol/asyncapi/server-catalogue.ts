import type { ServerMessageOf, ServerMessageType } from '../server-messages.ts';
import { bob, ids, media, numbered, present } from './example-ids.ts';

interface ServerEntry<Type extends ServerMessageType> {
  readonly title: string;
  readonly summary: string;
  /** Does it come without having been asked for, too? */
  readonly unasked: boolean;
  readonly example: ServerMessageOf<Type>;
}

const { groupId, talkId, alice, connectionId, sessionId } = ids;
const streamId = 4_268_637_892;
const createdAt = '2026-11-21T13:44:30.103Z';

/** What each message of the server says, when it comes, and one example. */
export const serverCatalogue: { readonly [Type in ServerMessageType]: ServerEntry<Type> } = {
  READY: {
    title: 'Ready',
    summary: 'The connection is signed in: who it is, its session and its groups.',
    unasked: false,
    example: {
      type: 'READY',
      re: '1',
      connectionId,
      user: { id: ids.bob, username: 'bob', displayName: 'Bob', role: 'user' },
      session: {
        id: sessionId,
        userId: ids.bob,
        device: { name: 'Wrist', kind: 'watch' },
        createdAt,
        lastSeenAt: createdAt,
        current: true,
      },
      groups: [{ id: groupId, name: 'Team', role: 'member', talk: 'allowed' }],
      pingIntervalMs: 120_000,
      tokenExpiresInMs: 599_335,
    },
  },
  AUTHENTICATED: {
    title: 'Fresh token taken',
    summary: 'The connection lives on until the fresh token expires.',
    unasked: false,
    example: { type: 'AUTHENTICATED', re: '2', tokenExpiresInMs: 599_990 },
  },
  GROUP_JOINED: {
    title: 'Joined',
    summary: 'The connection is present in the group; its whole state, and what was missed.',
    unasked: false,
    example: {
      type: 'GROUP_JOINED',
      re: '3',
      ...numbered(14),
      floor: {
        state: 'taken',
        talkId,
        streamId,
        speaker: bob,
        elapsedMs: 322,
        remainingMs: 59_678,
        emergency: false,
        mine: true,
      },
      presence: present,
      presenceCount: 2,
      media,
      recovered: true,
      missed: [{ type: 'PRESENCE_CHANGED', ...numbered(14), joined: [], left: [{ userId: alice }], presenceCount: 1 }],
    },
  },
  GROUP_LEFT: {
    title: 'Left',
    summary: 'The connection is not present in the group.',
    unasked: false,
    example: { type: 'GROUP_LEFT', re: '4', groupId },
  },
  TALK_GRANTED: {
    title: 'Floor granted',
    summary: 'Talk now. Without re it is the turn of who waited in the queue. The same event as TALK_STARTED.',
    unasked: true,
    example: {
      type: 'TALK_GRANTED',
      re: '5',
      ...numbered(15),
      talkId,
      streamId,
      maxTalkMs: 60_000,
      remainingMs: 60_000,
      media,
    },
  },
  TALK_DENIED: {
    title: 'Floor denied',
    summary: 'The floor is not given. Without re a place in the queue has come to nothing.',
    unasked: true,
    example: { type: 'TALK_DENIED', re: '5', groupId, cause: 'busy', holder: bob },
  },
  TALK_QUEUED: {
    title: 'Waiting',
    summary: 'The place in the queue; again without re when it changes.',
    unasked: true,
    example: { type: 'TALK_QUEUED', re: '5', groupId, position: 1 },
  },
  TALK_RELEASED: {
    title: 'Released',
    summary: 'The talk has ended; false says that this connection had none.',
    unasked: false,
    example: { type: 'TALK_RELEASED', re: '6', groupId, released: true },
  },
  TALK_REVOKE_DONE: {
    title: 'Revoked',
    summary: 'The talk has been revoked; false says that there was none.',
    unasked: false,
    example: { type: 'TALK_REVOKE_DONE', re: '7', groupId, revoked: true },
  },
  TALK_STARTED: {
    title: 'Somebody talks',
    summary: 'To every other connection that is present.',
    unasked: true,
    example: { type: 'TALK_STARTED', ...numbered(15), talkId, streamId, speaker: bob, emergency: false },
  },
  TALK_ENDED: {
    title: 'Nobody talks',
    summary: 'To every connection that is present, the talker too.',
    unasked: true,
    example: { type: 'TALK_ENDED', ...numbered(16), talkId, speaker: bob, cause: 'released', durationMs: 1_709 },
  },
  TALK_REVOKED: {
    title: 'Stop talking',
    summary: 'To the talker, before TALK_ENDED: microphone off now.',
    unasked: true,
    example: { type: 'TALK_REVOKED', groupId, talkId, cause: 'too_long', retryAfterMs: 2_000 },
  },
  PRESENCE_CHANGED: {
    title: 'Presence',
    summary: 'Who came and who left, as a set of users.',
    unasked: true,
    example: { type: 'PRESENCE_CHANGED', ...numbered(17), joined: present.slice(1), left: [], presenceCount: 2 },
  },
  GROUP_STATE: {
    title: 'State of a group',
    summary: 'As GROUP_JOINED, unasked: a new epoch has begun, or events could not be brought. Take it for all.',
    unasked: true,
    example: {
      type: 'GROUP_STATE',
      ...numbered(0),
      floor: { state: 'idle' },
      presence: present,
      presenceCount: 2,
      media: { kind: 'none' },
      recovered: false,
      missed: [],
    },
  },
  GROUP_UPDATED: {
    title: 'Group or membership changed',
    summary: 'What is new, to every connection of the members concerned, joined or not.',
    unasked: true,
    example: { type: 'GROUP_UPDATED', groupId, me: { role: 'member', talk: 'listen_only' } },
  },
  GROUP_REMOVED: {
    title: 'Membership ended',
    summary: 'The connection has left the group, and may not join it.',
    unasked: true,
    example: { type: 'GROUP_REMOVED', groupId, cause: 'removed' },
  },
  PONG: {
    title: 'Pong',
    summary: 'The server is there.',
    unasked: false,
    example: { type: 'PONG', re: '8' },
  },
  ERROR: {
    title: 'Error',
    summary: 'A message that could not be carried out; without re when it has no id that could be read.',
    unasked: true,
    example: {
      type: 'ERROR',
      re: '3',
      code: 'invalid_message',
      message: 'groupId: must be a lower-case UUIDv7',
    },
  },
};
