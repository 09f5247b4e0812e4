import type { GroupSnapshot } from '../floor/index.ts';
import { parseEnvelope } from '../floor/index.ts';
import type { FloorSnapshot, Media } from '../protocol/index.ts';

/** What a late entrant or a returning client is told about a group. */
export interface SnapshotView {
  readonly groupId: string;
  readonly sessionId: string;
  readonly snapshot: GroupSnapshot;
  readonly media: Media;
}

export function groupJoinedText(re: string, view: SnapshotView): string {
  return `{"type":"GROUP_JOINED","re":${JSON.stringify(re)},${snapshotFields(view)}}`;
}

export function groupStateText(view: SnapshotView): string {
  return `{"type":"GROUP_STATE",${snapshotFields(view)}}`;
}

/** The parts that come from the store are JSON texts already. */
function snapshotFields({ groupId, sessionId, snapshot, media }: SnapshotView): string {
  const missed = (snapshot.missed ?? []).map(eventBytes).filter((bytes) => bytes !== '');
  return [
    `"groupId":"${groupId}"`,
    `"epoch":${snapshot.epoch}`,
    `"seq":${snapshot.seq}`,
    `"floor":${JSON.stringify(floorSnapshot(snapshot, sessionId))}`,
    `"presence":[${snapshot.presence.join(',')}]`,
    `"presenceCount":${snapshot.presenceCount}`,
    `"media":${JSON.stringify(media)}`,
    `"recovered":${snapshot.missed !== null}`,
    `"missed":[${missed.join(',')}]`,
  ].join(',');
}

function eventBytes(payload: string): string {
  const envelope = parseEnvelope(payload);
  return envelope !== null && 'bytes' in envelope ? envelope.bytes : '';
}

/** `sessionId`: who looks; null for somebody who is not there. */
export function floorSnapshot({ talk }: GroupSnapshot, sessionId: string | null): FloorSnapshot {
  if (talk === null) return { state: 'idle' };
  return {
    state: 'taken',
    talkId: talk.talkId,
    streamId: talk.streamId,
    speaker: talk.speaker,
    elapsedMs: talk.elapsedMs,
    remainingMs: talk.remainingMs,
    emergency: talk.emergency,
    mine: talk.sessionId === sessionId,
  };
}
