import type { Talk, VoiceSession } from './contract.ts';
import type { TalkRow, VoiceSessionRow } from './repo.ts';

export function talkOnWire(row: TalkRow): Talk {
  const { userId, displayName, startedAt, endedAt, ...rest } = row;
  return {
    ...rest,
    speaker: { userId, displayName },
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
  };
}

export function voiceSessionOnWire(row: VoiceSessionRow): VoiceSession {
  return { ...row, startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null };
}
