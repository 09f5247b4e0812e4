import { z } from 'zod';

/** What black-box tests read of the contract. Unknown fields pass, as clients have to ignore them. */

const id = z.uuid();
const cause = z.string();

export const tokens = z.looseObject({
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresInMs: z.int().positive(),
  refreshToken: z.string(),
  session: z.looseObject({ id }),
  user: z.looseObject({ id, username: z.string(), displayName: z.string(), role: z.enum(['admin', 'user']) }),
});
export type Tokens = z.infer<typeof tokens>;

export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.looseObject({ path: z.string(), message: z.string() })).optional(),
  requestId: z.string(),
});
export type Problem = z.infer<typeof problem>;

export const user = z.looseObject({
  id,
  username: z.string(),
  displayName: z.string(),
  role: z.enum(['admin', 'user']),
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
});
export type User = z.infer<typeof user>;

const settings = z.looseObject({
  maxTalkMs: z.int(),
  contendedTalkMs: z.int(),
  queueLimit: z.int(),
  cooldownMs: z.int(),
  managerPreempts: z.boolean(),
  emergency: z.enum(['allowed', 'off']),
});

export const group = z.looseObject({
  id,
  name: z.string(),
  description: z.string(),
  settings,
  createdAt: z.iso.datetime(),
  managerId: id.optional(),
});
export type Group = z.infer<typeof group>;

export const member = z.looseObject({
  userId: id,
  username: z.string(),
  displayName: z.string(),
  role: z.enum(['group_manager', 'member']),
  talk: z.enum(['allowed', 'listen_only']),
  joinedAt: z.iso.datetime(),
});
export type Member = z.infer<typeof member>;

const speaker = z.looseObject({ userId: id, displayName: z.string() });

export const talk = z.looseObject({
  talkId: id,
  groupId: id,
  voiceSessionId: id,
  speaker,
  emergency: z.boolean(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  durationMs: z.int(),
  cause,
});
export type Talk = z.infer<typeof talk>;

export const voiceSession = z.looseObject({
  id,
  groupId: id,
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  talkCount: z.int(),
  talkMs: z.int(),
  participantCount: z.int(),
});
export type VoiceSession = z.infer<typeof voiceSession>;

const floor = z.looseObject({
  state: z.enum(['idle', 'taken']),
  talkId: id.optional(),
  streamId: z.int().optional(),
  speaker: speaker.optional(),
  elapsedMs: z.int().optional(),
  remainingMs: z.int().optional(),
  emergency: z.boolean().optional(),
  mine: z.boolean().optional(),
});

const media = z.looseObject({
  kind: z.string(),
  url: z.string().optional(),
  room: z.string().optional(),
  token: z.string().optional(),
  identity: z.string().optional(),
  expiresInMs: z.int().optional(),
});

/** Any server message: every field that some message has, all but `type` optional. */
export const serverMessage = z.looseObject({
  type: z.string(),
  re: z.string().optional(),
  groupId: id.optional(),
  epoch: z.int().optional(),
  seq: z.int().optional(),
  connectionId: z.string().optional(),
  user: z.looseObject({ id, username: z.string(), displayName: z.string() }).optional(),
  session: z.looseObject({ id }).optional(),
  groups: z.array(z.looseObject({ id, name: z.string(), role: z.string(), talk: z.string() })).optional(),
  pingIntervalMs: z.int().optional(),
  tokenExpiresInMs: z.int().optional(),
  floor: floor.optional(),
  presence: z.array(z.looseObject({ userId: id, displayName: z.string(), role: z.string() })).optional(),
  presenceCount: z.int().optional(),
  media: media.optional(),
  recovered: z.boolean().optional(),
  missed: z.array(z.looseObject({ type: z.string(), seq: z.int() })).optional(),
  talkId: id.optional(),
  streamId: z.int().optional(),
  maxTalkMs: z.int().optional(),
  remainingMs: z.int().optional(),
  emergency: z.boolean().optional(),
  cause: cause.optional(),
  retryAfterMs: z.int().optional(),
  holder: speaker.optional(),
  speaker: speaker.optional(),
  position: z.int().optional(),
  durationMs: z.int().optional(),
  released: z.boolean().optional(),
  revoked: z.boolean().optional(),
  joined: z.array(z.looseObject({ userId: id, displayName: z.string() })).optional(),
  left: z.array(z.looseObject({ userId: id })).optional(),
  group: z.looseObject({ name: z.string() }).optional(),
  me: z.looseObject({ role: z.string(), talk: z.string() }).optional(),
  code: z.string().optional(),
  message: z.string().optional(),
});
export type ServerMessage = z.infer<typeof serverMessage>;
