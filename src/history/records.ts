import { z } from 'zod';
import { uuidV7 } from '../http/contract.ts';
import type { HistoryEntry } from '../realtime/index.ts';

/** What is stored of one record of the live store. */
export type StorableRecord = OpenedRecord | ClosedRecord | TalkRecord;

interface OfVoiceSession {
  readonly groupId: string;
  readonly voiceSessionId: string;
}

export interface OpenedRecord extends OfVoiceSession {
  readonly kind: 'opened';
  readonly startedAt: Date;
}

export interface ClosedRecord extends OfVoiceSession {
  readonly kind: 'closed';
  readonly endedAt: Date;
  /** Users who were present in the voice session. */
  readonly participants: number;
}

export interface TalkRecord extends OfVoiceSession {
  readonly kind: 'talk';
  readonly talkId: string;
  readonly userId: string;
  readonly displayName: string;
  readonly emergency: boolean;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly durationMs: number;
  /** Users who were present in the voice session up to its end. */
  readonly participants: number;
  readonly cause: 'released' | 'too_long' | 'preempted' | 'revoked' | 'lost' | 'removed' | 'expired' | 'media_failed';
}

/** Milliseconds since 1970, from the year 1970 to 9999. */
const instant = z
  .int()
  .min(0)
  .max(253_402_300_799_999)
  .transform((ms) => new Date(ms));

const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const shape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), voiceSessionId: uuidV7, startMs: instant }),
  z.object({ kind: z.literal('closed'), voiceSessionId: uuidV7, endMs: instant, participants: count }),
  z.object({
    kind: z.literal('talk'),
    talkId: uuidV7,
    voiceSessionId: uuidV7,
    userId: uuidV7,
    speaker: z.object({ displayName: z.string().max(256) }),
    emergency: z.boolean(),
    startMs: instant,
    endMs: instant,
    participants: count,
    cause: z.enum(['released', 'too_long', 'preempted', 'revoked', 'lost', 'removed', 'expired', 'media_failed']),
  }),
]);
const groupIdShape = uuidV7;
const longestTalkMs = 2 ** 31 - 1;

/**
 * Reads a record of the live store, whoever wrote it: what can be stored, or the reason why not. A talk that ends
 * before it starts, as the store's clock may step back, is a talk of 0 ms.
 */
export function readRecord(entry: HistoryEntry): { readonly record: StorableRecord } | { readonly reason: string } {
  const groupId = groupIdShape.safeParse(entry.groupId);
  if (!groupId.success) return { reason: 'group id: is not a UUIDv7' };
  const parsed = shape.safeParse(entry.record);
  if (!parsed.success) {
    const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return { reason: reasons.join('; ') };
  }
  const ofSession = { groupId: groupId.data, voiceSessionId: parsed.data.voiceSessionId };
  switch (parsed.data.kind) {
    case 'opened':
      return { record: { ...ofSession, kind: 'opened', startedAt: parsed.data.startMs } };
    case 'closed':
      return {
        record: { ...ofSession, kind: 'closed', endedAt: parsed.data.endMs, participants: parsed.data.participants },
      };
    case 'talk': {
      const { talkId, userId, emergency, cause, participants, startMs: startedAt } = parsed.data;
      const durationMs = Math.max(0, parsed.data.endMs.getTime() - startedAt.getTime());
      if (durationMs > longestTalkMs) return { reason: `endMs: a talk of ${durationMs} ms` };
      const endedAt = new Date(startedAt.getTime() + durationMs);
      const { displayName } = parsed.data.speaker;
      const talk = { talkId, userId, displayName, emergency, startedAt, endedAt, durationMs, cause, participants };
      return { record: { ...ofSession, kind: 'talk', ...talk } };
    }
    default:
      return parsed.data satisfies never;
  }
}
