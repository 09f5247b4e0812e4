import { z } from 'zod';
import { count, streamId } from './fields.ts';

/** UUIDv7 (RFC 9562), lower case: the only form of an id on the wire. */
export const uuidV7 = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'must be a lower-case UUIDv7')
  .describe('UUIDv7 in lower case.');

export const groupRole = z.enum(['group_manager', 'member']);
export type GroupRole = z.infer<typeof groupRole>;

export const talkRight = z.enum(['allowed', 'listen_only']).describe('May the member talk in this group?');
export type TalkRight = z.infer<typeof talkRight>;

export const speaker = z.object({ userId: uuidV7, displayName: z.string() });
export type Speaker = z.infer<typeof speaker>;

export const presentMember = z.object({ userId: uuidV7, displayName: z.string(), role: groupRole });
export type PresentMember = z.infer<typeof presentMember>;

/** Why a talk ended. Clients treat a value they do not know as the general case. */
export const endCause = z
  .enum(['released', 'too_long', 'preempted', 'revoked', 'lost', 'removed', 'expired', 'media_failed'])
  .describe('Why a talk ended.');
export type EndCause = z.infer<typeof endCause>;

/** Why a request to talk was refused. */
export const denyCause = z
  .enum(['busy', 'cooldown', 'queue_full', 'listen_only', 'not_joined', 'unavailable', 'media_unavailable'])
  .describe('Why the floor was not given.');
export type DenyCause = z.infer<typeof denyCause>;

/** How a connection gets a group's voice. */
export const media = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('livekit'),
      url: z.string(),
      room: z.string(),
      token: z.string().describe('For joining the room; in TALK_GRANTED it carries the right to publish.'),
      identity: z.string().describe('The participant of this session, in all its groups.'),
      expiresInMs: count.ms('How long the token may be used to join.'),
    }),
    z.object({
      kind: z.literal('relay'),
      codec: z.literal('opus'),
      sampleRateHz: z.literal(48_000),
      channels: z.literal(1),
      maxPacketBytes: z.literal(1275),
    }),
    z.object({ kind: z.literal('none') }),
  ])
  .describe("How this connection gets the group's voice; treat a kind that you do not know as none.");
export type Media = z.infer<typeof media>;

/** The floor as a late entrant sees it: the last announced state. */
export const floorSnapshot = z
  .discriminatedUnion('state', [
    z.object({ state: z.literal('idle') }),
    z.object({
      state: z.literal('taken'),
      talkId: uuidV7,
      streamId,
      speaker,
      elapsedMs: count.ms('Since the grant.'),
      remainingMs: count.ms('To the earlier of the time limits.'),
      emergency: z.boolean(),
      mine: z.boolean().describe('Is it the talk of this session?'),
    }),
  ])
  .describe('The floor as it was last announced.');
export type FloorSnapshot = z.infer<typeof floorSnapshot>;
