import type { Draft } from './machine-draft.ts';
import { flushPresence } from './machine-presence.ts';
import { leaveQueue } from './machine-queue.ts';
import type { Ask, Talk } from './machine-state.ts';
import type { EndCause, FloorPolicy } from './model.ts';
import type { Grant } from './store.ts';

export type TalkLimits = Pick<FloorPolicy, 'maxTalkMs' | 'contendedTalkMs' | 'cooldownMs'>;

/**
 * "pending → taken", or "idle → taken" in one step: opens and announces a talk; lease and limits start. Who waits
 * already when it starts counts as the first other asker.
 */
export function openTalk(draft: Draft, ask: Ask, contended: boolean, limits: TalkLimits): Talk {
  flushPresence(draft);
  const { nowMs } = draft;
  const { maxTalkMs, contendedTalkMs, cooldownMs } = limits;
  const others = contended || draft.queue.some((waiter) => waiter.userId !== ask.userId);
  const { talkId, token, streamId, identity, userId, role, speaker, sessionId, connectionId, processId, emergency } =
    ask;
  const talk: Talk = {
    talkId,
    token,
    streamId,
    identity,
    userId,
    role,
    speaker,
    sessionId,
    connectionId,
    processId,
    emergency,
    seq: 0,
    startMs: nowMs,
    maxTalkMs,
    contendedTalkMs,
    cooldownMs,
    maxAtMs: nowMs + maxTalkMs,
    contendedAtMs: others && contendedTalkMs > 0 ? nowMs + contendedTalkMs : null,
    leaseAtMs: nowMs + draft.context.timings.leaseMs,
    graceAtMs: null,
  };
  const seq = draft.number(
    `started ${talkId} ${connectionId} ${maxTalkMs} ${remainingMs(talk, nowMs)}${emergency ? ' emergency' : ''}`,
    'TALK_STARTED',
    `"talkId":"${talkId}","streamId":${streamId},"speaker":${JSON.stringify(speaker)},"emergency":${emergency}`,
  );
  draft.talk = { ...talk, seq };
  return draft.talk;
}

/**
 * "taken → idle": announces the end, notes the talk for its history, and starts a cooldown where there is one.
 * `endMs` is the deadline that has ended the talk.
 */
export function endTalk(draft: Draft, cause: EndCause, groupIsGone = false, endMs = draft.nowMs): void {
  const { talk } = draft;
  if (talk === null) return;
  flushPresence(draft);
  const durationMs = noteTalk(draft, talk, cause, endMs);
  const cooled = cause === 'too_long' || (cause === 'revoked' && talk.emergency);
  const retryAfterMs = cooled ? talk.cooldownMs : 0;
  draft.number(
    `ended ${talk.talkId} ${talk.connectionId} ${cause} ${retryAfterMs} ${durationMs}${groupIsGone ? ' gone' : ''}`,
    'TALK_ENDED',
    `"talkId":"${talk.talkId}","speaker":${JSON.stringify(talk.speaker)},"cause":"${cause}","durationMs":${durationMs}`,
  );
  if (cooled) startCooldown(draft, talk, retryAfterMs, cause === 'too_long');
  draft.talk = null;
}

/**
 * "Cooldown binds the user on any device": the places that his other devices wait in are gone. It begins even where it
 * is off, because a change counts from the next request on.
 */
function startCooldown(draft: Draft, talk: Talk, retryAfterMs: number, bindsOrdinary: boolean): void {
  const { userId, emergency } = talk;
  draft.cooldown.set(userId, { startMs: draft.nowMs, bindsOrdinary, bindsEmergency: emergency });
  if (retryAfterMs === 0) return;
  for (const waiter of draft.queue) {
    if (waiter.userId !== userId || !(waiter.emergency ? emergency : bindsOrdinary)) continue;
    leaveQueue(draft, waiter.sessionId);
    draft.publish(`1 D ${waiter.connectionId} cooldown ${retryAfterMs}`);
  }
}

/**
 * Notes a finished talk for PostgreSQL, which lasted until it was ended or, where that is found later, until its
 * deadline.
 * @returns how long that was, in milliseconds
 */
export function noteTalk(draft: Draft, talk: Talk, cause: EndCause, atMs: number): number {
  const endMs = Math.max(talk.startMs, Math.min(atMs, draft.nowMs));
  draft.history.push({
    kind: 'talk',
    talkId: talk.talkId,
    voiceSessionId: draft.life?.voiceSessionId ?? '',
    userId: talk.userId,
    speaker: talk.speaker,
    emergency: talk.emergency,
    startMs: talk.startMs,
    endMs,
    cause,
    participants: draft.seen.size,
  });
  return endMs - talk.startMs;
}

/** When a talk ends of itself, and of what; of equal times the first named wins. */
export function talkDeadline(talk: Talk): { atMs: number; cause: EndCause } {
  let deadline: { atMs: number; cause: EndCause } = { atMs: talk.leaseAtMs, cause: 'expired' };
  const others = [
    [talk.graceAtMs, 'lost'],
    [talk.maxAtMs, 'too_long'],
    [talk.contendedAtMs, 'too_long'],
  ] as const;
  for (const [atMs, cause] of others) if (atMs !== null && atMs < deadline.atMs) deadline = { atMs, cause };
  return deadline;
}

/** To the earlier of the limits. */
export function remainingMs(talk: Talk, nowMs: number): number {
  return Math.max(0, Math.min(talk.maxAtMs, talk.contendedAtMs ?? talk.maxAtMs) - nowMs);
}

export function grantOf(talk: Talk, nowMs: number): Grant {
  const { talkId, streamId, seq, maxTalkMs } = talk;
  return { talkId, streamId, seq, maxTalkMs, remainingMs: remainingMs(talk, nowMs) };
}
