import { z } from 'zod';
import { uuidV7 } from './objects.ts';

/** The client's own name for a message; its answer carries it as `re`. */
export const messageId = z.string().min(1).max(64);

const envelope = { id: messageId };
const group = { ...envelope, groupId: uuidV7 };

/** The point of a group's event log up to which a client has seen everything. */
export const logPosition = z.strictObject({
  epoch: z.int().nonnegative(),
  seq: z.int().nonnegative(),
});
export type LogPosition = z.infer<typeof logPosition>;

/** Everything a client may send, by type. Strict: an unknown key is an error. */
export const clientMessages = {
  HELLO: z.strictObject({
    type: z.literal('HELLO'),
    ...envelope,
    token: z.string().min(1).max(8192).optional(),
    idlePingMs: z.int().min(20_000).max(240_000).optional(),
  }),
  AUTHENTICATE: z.strictObject({ type: z.literal('AUTHENTICATE'), ...envelope, token: z.string().min(1).max(8192) }),
  JOIN_GROUP: z.strictObject({
    type: z.literal('JOIN_GROUP'),
    ...group,
    since: logPosition.optional(),
    audio: z.boolean().optional(),
  }),
  LEAVE_GROUP: z.strictObject({ type: z.literal('LEAVE_GROUP'), ...group }),
  REQUEST_TALK: z.strictObject({
    type: z.literal('REQUEST_TALK'),
    ...group,
    queue: z.boolean().optional(),
    emergency: z.boolean().optional(),
  }),
  RELEASE_TALK: z.strictObject({ type: z.literal('RELEASE_TALK'), ...group, talkId: uuidV7.optional() }),
  REVOKE_TALK: z.strictObject({ type: z.literal('REVOKE_TALK'), ...group, talkId: uuidV7.optional() }),
  PING: z.strictObject({ type: z.literal('PING'), ...envelope }),
} as const;

export type ClientMessageType = keyof typeof clientMessages;
export type ClientMessageOf<Type extends ClientMessageType> = z.infer<(typeof clientMessages)[Type]>;
export type ClientMessage = { [Type in ClientMessageType]: ClientMessageOf<Type> }[ClientMessageType];
