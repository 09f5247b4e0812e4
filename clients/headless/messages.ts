import { z } from 'zod';

/** What this client reads of the server's messages. Fields that it does not use are left out and ignored. */
const speaker = z.object({ userId: z.string(), displayName: z.string() });
const group = { groupId: z.string() };
const numbered = { ...group, epoch: z.number(), seq: z.number() };
const maybeRe = { re: z.string().optional() };

/** How a connection gets a group's voice. Kinds that this client does not know count as `none`. */
export const media = z.union([
  z.object({
    kind: z.literal('livekit'),
    url: z.string(),
    room: z.string(),
    token: z.string(),
    identity: z.string(),
    expiresInMs: z.number(),
  }),
  z.object({ kind: z.literal('relay'), codec: z.literal('opus'), maxPacketBytes: z.number() }),
  z.object({ kind: z.string() }).transform(() => ({ kind: 'none' as const })),
]);
export type Media = z.infer<typeof media>;
export type LivekitMedia = Extract<Media, { kind: 'livekit' }>;

const floor = z.union([
  z.object({ state: z.literal('taken'), talkId: z.string(), speaker, mine: z.boolean() }),
  z.object({ state: z.literal('idle') }),
]);
const snapshot = { ...numbered, floor, presenceCount: z.number(), media };

const serverMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('READY'),
    ...maybeRe,
    connectionId: z.string(),
    groups: z.array(z.object({ id: z.string(), name: z.string(), role: z.string(), talk: z.string() })),
  }),
  z.object({ type: z.literal('GROUP_JOINED'), ...maybeRe, ...snapshot }),
  z.object({ type: z.literal('GROUP_STATE'), ...snapshot }),
  z.object({ type: z.literal('GROUP_LEFT'), ...maybeRe, ...group }),
  z.object({
    type: z.literal('TALK_GRANTED'),
    ...maybeRe,
    ...numbered,
    talkId: z.string(),
    streamId: z.number(),
    maxTalkMs: z.number(),
    remainingMs: z.number(),
    media,
  }),
  z.object({
    type: z.literal('TALK_DENIED'),
    ...maybeRe,
    ...group,
    cause: z.string(),
    retryAfterMs: z.number().optional(),
    holder: speaker.optional(),
  }),
  z.object({ type: z.literal('TALK_QUEUED'), ...maybeRe, ...group, position: z.number() }),
  z.object({ type: z.literal('TALK_RELEASED'), ...maybeRe, ...group, released: z.boolean() }),
  z.object({ type: z.literal('TALK_REVOKE_DONE'), ...maybeRe, ...group, revoked: z.boolean() }),
  z.object({ type: z.literal('TALK_STARTED'), ...numbered, talkId: z.string(), streamId: z.number(), speaker }),
  z.object({
    type: z.literal('TALK_ENDED'),
    ...numbered,
    talkId: z.string(),
    speaker,
    cause: z.string(),
    durationMs: z.number(),
  }),
  z.object({ type: z.literal('TALK_REVOKED'), ...group, talkId: z.string(), cause: z.string() }),
  z.object({ type: z.literal('PRESENCE_CHANGED'), ...numbered, presenceCount: z.number() }),
  z.object({ type: z.literal('GROUP_REMOVED'), ...group, cause: z.string() }),
  z.object({ type: z.literal('PONG'), ...maybeRe }),
  z.object({ type: z.literal('ERROR'), ...maybeRe, code: z.string(), message: z.string() }),
]);
export type ServerMessage = z.infer<typeof serverMessage>;
export type ServerMessageType = ServerMessage['type'];
export type ServerMessageOf<Type extends ServerMessageType> = Extract<ServerMessage, { type: Type }>;

const typed = z.object({ type: z.string() });
const known = new Set<string>(serverMessage.options.map((option) => option.shape.type.value));

/**
 * Reads one text frame. Null for a type that this client does not know, as the contract asks of clients. Throws when
 * the server breaks the contract.
 */
export function readServerMessage(text: string): ServerMessage | null {
  const parsed: unknown = JSON.parse(text);
  const { type } = typed.parse(parsed);
  return known.has(type) ? serverMessage.parse(parsed) : null;
}

/** What this client sends, without the `id` that `Signalling` adds. */
export type ClientMessage =
  | { readonly type: 'HELLO'; readonly token?: string }
  | { readonly type: 'JOIN_GROUP'; readonly groupId: string; readonly audio?: boolean }
  | { readonly type: 'LEAVE_GROUP'; readonly groupId: string }
  | { readonly type: 'REQUEST_TALK'; readonly groupId: string; readonly queue?: boolean; readonly emergency?: boolean }
  | { readonly type: 'RELEASE_TALK'; readonly groupId: string; readonly talkId?: string }
  | { readonly type: 'REVOKE_TALK'; readonly groupId: string; readonly talkId?: string }
  | { readonly type: 'PING' };
