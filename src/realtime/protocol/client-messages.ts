import { z } from 'zod';
import { epoch, seq } from './fields.ts';
import { uuidV7 } from './objects.ts';

const LONGEST_ID = 64;
export const MESSAGE_ID_RULE = `must be text of 1 to ${LONGEST_ID} characters`;

/** Characters are code points, as everywhere in the contract. */
export function isMessageId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && (id.length <= LONGEST_ID || [...id].length <= LONGEST_ID);
}

/** The client's own name for a message; its answer carries it as `re`. */
export const messageId = z
  .string()
  .refine(isMessageId, MESSAGE_ID_RULE)
  .meta({ minLength: 1, maxLength: LONGEST_ID })
  .describe("The client's own name for a message; its answer carries it as re.");

const envelope = { id: messageId };
/** The access token of REST. */
const accessToken = z.string().min(1).max(8192).describe('Access token of POST /api/v1/auth/login or /refresh.');
const onlyThisTalk = uuidV7.optional().describe('End this talk only.');
const group = { ...envelope, groupId: uuidV7 };
const idlePingRule = 'must be a whole number from 20000 to 240000';

/** The point of a group's event log up to which a client has seen everything. */
export const logPosition = z.strictObject({ epoch, seq });
export type LogPosition = z.infer<typeof logPosition>;

/** Everything a client may send, by type. Strict: an unknown key is an error. */
export const clientMessages = {
  HELLO: z.strictObject({
    type: z.literal('HELLO'),
    ...envelope,
    token: accessToken.optional(),
    idlePingMs: z
      .int(idlePingRule)
      .min(20_000, idlePingRule)
      .max(240_000, idlePingRule)
      .optional()
      .describe('How often the server may wake the device with a ping while nothing happens. Milliseconds.'),
  }),
  AUTHENTICATE: z.strictObject({ type: z.literal('AUTHENTICATE'), ...envelope, token: accessToken }),
  JOIN_GROUP: z.strictObject({
    type: z.literal('JOIN_GROUP'),
    ...group,
    since: logPosition.optional().describe('The last numbers of the group that the client knows.'),
    audio: z.boolean().optional().describe('Voice as binary messages over this socket.'),
  }),
  LEAVE_GROUP: z.strictObject({ type: z.literal('LEAVE_GROUP'), ...group }),
  REQUEST_TALK: z.strictObject({
    type: z.literal('REQUEST_TALK'),
    ...group,
    queue: z.boolean().optional().describe('Wait when the floor is taken.'),
    emergency: z.boolean().optional().describe('Cut an ordinary talk.'),
  }),
  RELEASE_TALK: z.strictObject({ type: z.literal('RELEASE_TALK'), ...group, talkId: onlyThisTalk }),
  REVOKE_TALK: z.strictObject({ type: z.literal('REVOKE_TALK'), ...group, talkId: onlyThisTalk }),
  PING: z.strictObject({ type: z.literal('PING'), ...envelope }),
} as const;

export type ClientMessageType = keyof typeof clientMessages;
export type ClientMessageOf<Type extends ClientMessageType> = z.infer<(typeof clientMessages)[Type]>;
export type ClientMessage = { [Type in ClientMessageType]: ClientMessageOf<Type> }[ClientMessageType];
