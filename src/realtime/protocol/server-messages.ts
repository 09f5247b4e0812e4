import { z } from 'zod';
import { messageId } from './client-messages.ts';
import { socketErrorCode } from './error-codes.ts';
import {
  denyCause,
  endCause,
  floorSnapshot,
  groupRole,
  media,
  presentMember,
  speaker,
  talkRight,
  uuidV7,
} from './objects.ts';

const count = z.int().nonnegative();
const re = { re: messageId };
const maybeRe = { re: messageId.optional() };
const group = { groupId: uuidV7 };
/** Number of a group event: within an epoch `seq` grows by one per event. */
const numbered = { groupId: uuidV7, epoch: count, seq: count };

const talkStarted = z.object({
  type: z.literal('TALK_STARTED'),
  ...numbered,
  talkId: uuidV7,
  streamId: count,
  speaker,
  emergency: z.boolean(),
});
const talkEnded = z.object({
  type: z.literal('TALK_ENDED'),
  ...numbered,
  talkId: uuidV7,
  speaker,
  cause: endCause,
  durationMs: count,
});
const presenceChanged = z.object({
  type: z.literal('PRESENCE_CHANGED'),
  ...numbered,
  joined: z.array(presentMember),
  left: z.array(z.object({ userId: uuidV7 })),
  presenceCount: count,
});

/** The numbered events of a group. */
export const groupEvent = z.discriminatedUnion('type', [talkStarted, talkEnded, presenceChanged]);
export type GroupEvent = z.infer<typeof groupEvent>;

const snapshot = {
  ...numbered,
  floor: floorSnapshot,
  presence: z.array(presentMember),
  presenceCount: count,
  media,
  recovered: z.boolean(),
  missed: z.array(groupEvent),
};

/** Everything the server may send, by type. Fields may be added; clients ignore what they do not know. */
export const serverMessages = {
  READY: z.object({
    type: z.literal('READY'),
    ...re,
    connectionId: uuidV7,
    user: z.object({
      id: uuidV7,
      username: z.string(),
      displayName: z.string(),
      role: z.enum(['admin', 'user']),
    }),
    session: z.object({
      id: uuidV7,
      userId: uuidV7,
      device: z.object({ name: z.string(), kind: z.string() }),
      createdAt: z.string(),
      lastSeenAt: z.string(),
      current: z.boolean(),
    }),
    groups: z.array(z.object({ id: uuidV7, name: z.string(), role: groupRole, talk: talkRight })),
    pingIntervalMs: count,
    tokenExpiresInMs: count,
  }),
  AUTHENTICATED: z.object({ type: z.literal('AUTHENTICATED'), ...re, tokenExpiresInMs: count }),
  GROUP_JOINED: z.object({ type: z.literal('GROUP_JOINED'), ...re, ...snapshot }),
  GROUP_LEFT: z.object({ type: z.literal('GROUP_LEFT'), ...re, ...group }),
  TALK_GRANTED: z.object({
    type: z.literal('TALK_GRANTED'),
    ...maybeRe,
    ...numbered,
    talkId: uuidV7,
    streamId: count,
    maxTalkMs: count,
    remainingMs: count,
    media,
  }),
  TALK_DENIED: z.object({
    type: z.literal('TALK_DENIED'),
    ...maybeRe,
    ...group,
    cause: denyCause,
    retryAfterMs: count.optional(),
    holder: speaker.optional(),
  }),
  TALK_QUEUED: z.object({ type: z.literal('TALK_QUEUED'), ...maybeRe, ...group, position: z.int().positive() }),
  TALK_RELEASED: z.object({ type: z.literal('TALK_RELEASED'), ...re, ...group, released: z.boolean() }),
  TALK_REVOKE_DONE: z.object({ type: z.literal('TALK_REVOKE_DONE'), ...re, ...group, revoked: z.boolean() }),
  TALK_STARTED: talkStarted,
  TALK_ENDED: talkEnded,
  TALK_REVOKED: z.object({
    type: z.literal('TALK_REVOKED'),
    ...group,
    talkId: uuidV7,
    cause: endCause,
    retryAfterMs: count,
  }),
  PRESENCE_CHANGED: presenceChanged,
  GROUP_STATE: z.object({ type: z.literal('GROUP_STATE'), ...snapshot }),
  GROUP_UPDATED: z.object({
    type: z.literal('GROUP_UPDATED'),
    ...group,
    group: z
      .object({ name: z.string(), description: z.string(), settings: z.record(z.string(), z.unknown()) })
      .optional(),
    me: z.object({ role: groupRole, talk: talkRight }).optional(),
  }),
  GROUP_REMOVED: z.object({ type: z.literal('GROUP_REMOVED'), ...group, cause: z.enum(['removed', 'group_deleted']) }),
  PONG: z.object({ type: z.literal('PONG'), ...re }),
  ERROR: z.object({
    type: z.literal('ERROR'),
    ...maybeRe,
    code: socketErrorCode,
    message: z.string(),
    retryAfterMs: count.optional(),
  }),
} as const;

export type ServerMessageType = keyof typeof serverMessages;
export type ServerMessageOf<Type extends ServerMessageType> = z.infer<(typeof serverMessages)[Type]>;
export type ServerMessage = { [Type in ServerMessageType]: ServerMessageOf<Type> }[ServerMessageType];
