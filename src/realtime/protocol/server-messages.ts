import { z } from 'zod';
import { messageId } from './client-messages.ts';
import { socketErrorCode } from './error-codes.ts';
import { count, epoch, seq, streamId } from './fields.ts';
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

const re = { re: messageId };
const maybeRe = { re: messageId.optional() };
const group = { groupId: uuidV7 };
const presenceCount = count.of('How many users are there.');
const retryAfterMs = count.ms('From when trying again makes sense.');
const tokenExpiresInMs = count.ms('Until the socket closes 4001, without a fresh token.');
const timestamp = z.string().meta({ format: 'date-time', description: 'RFC 3339 in UTC.' });
/** Number of a group event: within an epoch `seq` grows by one per event. */
const numbered = { groupId: uuidV7, epoch, seq };

const talkStarted = z.object({
  type: z.literal('TALK_STARTED'),
  ...numbered,
  talkId: uuidV7,
  streamId,
  speaker,
  emergency: z.boolean(),
});
const talkEnded = z.object({
  type: z.literal('TALK_ENDED'),
  ...numbered,
  talkId: uuidV7,
  speaker,
  cause: endCause,
  durationMs: count.ms('How long it was.'),
});
const presenceChanged = z.object({
  type: z.literal('PRESENCE_CHANGED'),
  ...numbered,
  joined: z.array(presentMember),
  left: z.array(z.object({ userId: uuidV7 })),
  presenceCount,
});

/** The numbered events of a group. */
export const groupEvent = z.discriminatedUnion('type', [talkStarted, talkEnded, presenceChanged]);
export type GroupEvent = z.infer<typeof groupEvent>;

const snapshot = {
  ...numbered,
  floor: floorSnapshot,
  presence: z.array(presentMember).describe('Who is there; the first 500.'),
  presenceCount,
  media,
  recovered: z.boolean().describe('Does missed hold everything after since?'),
  missed: z.array(groupEvent).describe('The events after since, in order.'),
};

const groupSettings = z.object({
  maxTalkMs: count.ms('The longest talk.'),
  contendedTalkMs: count.ms('What is left from the moment when somebody else asks; 0: no such limit.'),
  queueLimit: count.of('Places in the queue; 0: none.'),
  cooldownMs: count.ms('The wait after a talk that was cut as too long.'),
  managerPreempts: z.boolean(),
  emergency: z.enum(['allowed', 'off']),
});

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
      createdAt: timestamp,
      lastSeenAt: timestamp,
      current: z.boolean(),
    }),
    groups: z.array(z.object({ id: uuidV7, name: z.string(), role: groupRole, talk: talkRight })),
    pingIntervalMs: count.ms('How often the server pings while nothing happens.'),
    tokenExpiresInMs,
  }),
  AUTHENTICATED: z.object({ type: z.literal('AUTHENTICATED'), ...re, tokenExpiresInMs }),
  GROUP_JOINED: z.object({ type: z.literal('GROUP_JOINED'), ...re, ...snapshot }),
  GROUP_LEFT: z.object({ type: z.literal('GROUP_LEFT'), ...re, ...group }),
  TALK_GRANTED: z.object({
    type: z.literal('TALK_GRANTED'),
    ...maybeRe,
    ...numbered,
    talkId: uuidV7,
    streamId,
    maxTalkMs: count.ms('The limit of this talk, from its grant.'),
    remainingMs: count.ms('To the earlier of the time limits.'),
    media,
  }),
  TALK_DENIED: z.object({
    type: z.literal('TALK_DENIED'),
    ...maybeRe,
    ...group,
    cause: denyCause,
    retryAfterMs: retryAfterMs.optional(),
    holder: speaker.optional().describe('Who talks.'),
  }),
  TALK_QUEUED: z.object({
    type: z.literal('TALK_QUEUED'),
    ...maybeRe,
    ...group,
    position: z.int().positive().describe('1 is next.'),
  }),
  TALK_RELEASED: z.object({ type: z.literal('TALK_RELEASED'), ...re, ...group, released: z.boolean() }),
  TALK_REVOKE_DONE: z.object({ type: z.literal('TALK_REVOKE_DONE'), ...re, ...group, revoked: z.boolean() }),
  TALK_STARTED: talkStarted,
  TALK_ENDED: talkEnded,
  TALK_REVOKED: z.object({
    type: z.literal('TALK_REVOKED'),
    ...group,
    talkId: uuidV7,
    cause: endCause,
    retryAfterMs: count.ms('How long the talker cannot be given the floor again; 0: not at all.'),
  }),
  PRESENCE_CHANGED: presenceChanged,
  GROUP_STATE: z.object({ type: z.literal('GROUP_STATE'), ...snapshot }),
  GROUP_UPDATED: z.object({
    type: z.literal('GROUP_UPDATED'),
    ...group,
    group: z.object({ name: z.string(), description: z.string(), settings: groupSettings }).optional(),
    me: z.object({ role: groupRole, talk: talkRight }).optional(),
  }),
  GROUP_REMOVED: z.object({ type: z.literal('GROUP_REMOVED'), ...group, cause: z.enum(['removed', 'group_deleted']) }),
  PONG: z.object({ type: z.literal('PONG'), ...re }),
  ERROR: z.object({
    type: z.literal('ERROR'),
    ...maybeRe,
    code: socketErrorCode,
    message: z.string().describe('What is wrong and what is allowed, for the log of who writes a client.'),
    retryAfterMs: retryAfterMs.optional(),
  }),
} as const;

export type ServerMessageType = keyof typeof serverMessages;
export type ServerMessageOf<Type extends ServerMessageType> = z.infer<(typeof serverMessages)[Type]>;
export type ServerMessage = { [Type in ServerMessageType]: ServerMessageOf<Type> }[ServerMessageType];
