import { z } from 'zod';
import { exampleId, pageQuery, timestampText, uuidV7 } from '../http/contract.ts';

const talkId = uuidV7.meta({ examples: [exampleId.talk] });
const groupId = uuidV7.meta({ examples: [exampleId.group] });
const voiceSessionId = uuidV7.meta({ examples: [exampleId.voiceSession] });
const later = timestampText.meta({ examples: ['2026-01-31T09:30:07.250Z'] });

/** A finished talk. Source: the contract's "talk". */
export const talk = z
  .object({
    talkId,
    groupId,
    voiceSessionId,
    speaker: z
      .object({ userId: uuidV7, displayName: z.string().meta({ examples: ['Dora Delta'] }) })
      .meta({ description: 'as he was called then' }),
    emergency: z.boolean(),
    startedAt: timestampText,
    endedAt: later,
    durationMs: z.int().meta({ examples: [7_250] }),
    cause: z.string().meta({
      description: 'released, too_long, preempted, revoked, lost, removed, expired, media_failed; others may come',
      examples: ['released'],
    }),
  })
  .meta({ id: 'Talk', description: 'A finished talk' });
export type Talk = z.infer<typeof talk>;

/** A span in which a group was live. Source: the contract's "voice session". */
export const voiceSession = z
  .object({
    id: voiceSessionId,
    groupId,
    startedAt: timestampText,
    endedAt: later.nullable().meta({ description: 'null while it goes on' }),
    talkCount: z.int().meta({ examples: [3] }),
    talkMs: z.int().meta({ description: 'all its talks together', examples: [19_400] }),
    participantCount: z.int().meta({ description: 'how many took part', examples: [2] }),
  })
  .meta({ id: 'VoiceSession', description: 'A span in which a group was live' });
export type VoiceSession = z.infer<typeof voiceSession>;

const instantMessage = 'must be a time as in 2026-01-31T09:30:00.000Z (RFC 3339, UTC, years 0001 to 9999), given once';

const instantForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

/** A moment in a query. */
export const instant = z
  .string(instantMessage)
  .refine((value) => instantForm.test(value), { error: instantMessage, abort: true })
  .refine((value) => z.iso.datetime().safeParse(value).success && !value.startsWith('0000-'), instantMessage)
  .transform((value) => new Date(value))
  .optional();

/** As `instant` in the API document. */
export const instantMeta = { format: 'date-time', pattern: instantForm.source };

const span = {
  from: instant.meta({ ...instantMeta, description: 'started then or later', example: '2026-01-31T00:00:00Z' }),
  to: instant.meta({ ...instantMeta, description: 'started before then', example: '2026-02-01T00:00:00Z' }),
};

export const groupTalksQuery = z.strictObject({ ...pageQuery, ...span, userId: uuidV7.optional() });
export const historyQuery = z.strictObject({
  ...pageQuery,
  ...span,
  groupId: groupId.optional(),
  userId: uuidV7.optional(),
});
