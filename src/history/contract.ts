import { z } from 'zod';
import { pageQuery, timestampText, uuidV7 } from '../http/contract.ts';

/** A finished talk. Source: the contract's "talk". */
export const talk = z
  .object({
    talkId: uuidV7,
    groupId: uuidV7,
    voiceSessionId: uuidV7,
    speaker: z.object({ userId: uuidV7, displayName: z.string() }).meta({ description: 'as he was called then' }),
    emergency: z.boolean(),
    startedAt: timestampText,
    endedAt: timestampText,
    durationMs: z.int(),
    cause: z.string().meta({
      description: 'released, too_long, preempted, revoked, lost, removed, expired, media_failed; others may come',
    }),
  })
  .meta({ id: 'Talk' });
export type Talk = z.infer<typeof talk>;

/** A span in which a group was live. Source: the contract's "voice session". */
export const voiceSession = z
  .object({
    id: uuidV7,
    groupId: uuidV7,
    startedAt: timestampText,
    endedAt: timestampText.nullable(),
    talkCount: z.int(),
    talkMs: z.int(),
    participantCount: z.int(),
  })
  .meta({ id: 'VoiceSession' });
export type VoiceSession = z.infer<typeof voiceSession>;

const instantMessage = 'must be a time as in 2026-01-31T09:30:00.000Z (RFC 3339, UTC, years 0001 to 9999), given once';

const instant = z
  .string(instantMessage)
  .refine((value) => z.iso.datetime().safeParse(value).success && !value.startsWith('0000-'), instantMessage)
  .transform((value) => new Date(value))
  .optional();

const span = {
  from: instant.meta({ format: 'date-time', description: 'started then or later' }),
  to: instant.meta({ format: 'date-time', description: 'started before then' }),
};

export const groupTalksQuery = z.strictObject({ ...pageQuery, ...span, userId: uuidV7.optional() });
export const historyQuery = z.strictObject({
  ...pageQuery,
  ...span,
  groupId: uuidV7.optional(),
  userId: uuidV7.optional(),
});
