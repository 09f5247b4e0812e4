import type { EventLog, LoggedEvent } from './event-log.ts';
import type { ConnectionRecord, GroupRecord, History } from './history.ts';
import type { Findings } from './report.ts';
import type { AnnouncedTalk } from './talks.ts';

/** Limits are counted by the store's clock, in whole milliseconds. */
const ROUNDING_MS = 5;
/** How long after a client's socket has ended, or fell silent, the server may still be busy with the loss. */
const LOSS_MS = 30_000;

/** Each end has somebody or something that was entitled to it (floor.md invariant 5). */
export function checkEnds(
  history: History,
  talks: ReadonlyMap<string, AnnouncedTalk>,
  log: EventLog,
  findings: Findings,
): void {
  const groups = new Map(history.groups.map((group) => [group.groupId, group]));
  for (const talk of talks.values()) {
    const [end] = talk.ends;
    if (end === undefined || end.cause === null || history.circumstances.mayEnd.includes(end.cause)) continue;
    if (!isRightful(end.cause, talk, end, history, log, groups.get(talk.groupId))) {
      findings.add(
        'rightful end',
        `${talk.talkId} of ${talk.speakerId} in ${talk.groupId} ended ${end.cause} after ${end.durationMs} ms for no reason`,
      );
    }
  }
}

function isRightful(
  cause: string,
  talk: AnnouncedTalk,
  end: LoggedEvent,
  history: History,
  log: EventLog,
  group: GroupRecord | undefined,
): boolean {
  const { circumstances, connections } = history;
  const { groupId } = talk;
  const own = connections.filter(({ userId }) => userId === talk.speakerId);
  const before = (atMs: number): boolean => atMs <= end.atMs;
  switch (cause) {
    case 'released':
      return own.some(({ sent }) =>
        sent.some(
          ({ type, fields, atMs }) =>
            (type === 'RELEASE_TALK' || type === 'LEAVE_GROUP') && fields['groupId'] === groupId && before(atMs),
        ),
      );
    case 'revoked': {
      const asked = connections.some(({ sent }) =>
        sent.some(({ type, fields, atMs }) => type === 'REVOKE_TALK' && fields['groupId'] === groupId && before(atMs)),
      );
      return asked || circumstances.revoked.some((by) => by.groupId === groupId && before(by.atMs));
    }
    case 'removed':
      return circumstances.removed.some(
        (by) =>
          (by.groupId ?? groupId) === groupId && (by.userId ?? talk.speakerId) === talk.speakerId && before(by.atMs),
      );
    case 'lost':
      return (
        own.some((connection) => wasLost(connection, end.atMs) || wasRefused(connection, groupId, end.atMs)) ||
        wasProcessAway(history, own, end.atMs)
      );
    case 'expired':
      return wasProcessAway(history, own, end.atMs);
    case 'preempted': {
      const next = log
        .epochs(groupId)
        .find(({ number }) => number === end.epoch)
        ?.events.get(end.seq + 1)?.event;
      return next === undefined || (next.kind === 'started' && next.speakerId !== talk.speakerId);
    }
    case 'too_long':
      return group === undefined || (end.durationMs ?? 0) >= group.shortestLimitMs - ROUNDING_MS;
    default:
      return false;
  }
}

function wasLost({ endedAtMs, frozen }: ConnectionRecord, atMs: number): boolean {
  if (endedAtMs !== null && endedAtMs <= atMs && atMs - endedAtMs < LOSS_MS) return true;
  return frozen.some(({ fromMs, toMs }) => fromMs <= atMs && atMs - toMs < LOSS_MS);
}

/** A grant whose asker was told already that the store is away ends unused. */
function wasRefused({ received }: ConnectionRecord, groupId: string, atMs: number): boolean {
  return received.some(
    (seen) =>
      seen.message.type === 'TALK_DENIED' &&
      seen.message.cause === 'unavailable' &&
      seen.message.groupId === groupId &&
      Math.abs(atMs - seen.atMs) < LOSS_MS,
  );
}

function wasProcessAway(history: History, own: readonly ConnectionRecord[], atMs: number): boolean {
  return history.circumstances.processAway.some(
    ({ process, fromMs, toMs }) =>
      fromMs <= atMs && atMs - toMs < LOSS_MS && own.some((connection) => connection.process === process),
  );
}
