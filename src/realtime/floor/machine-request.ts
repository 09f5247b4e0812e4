import type { Draft } from './machine-draft.ts';
import { leaveQueue, takePlace } from './machine-queue.ts';
import { reserve } from './machine-reservation.ts';
import { settle } from './machine-settle.ts';
import type { Ask, PresentMember, Talk } from './machine-state.ts';
import { endTalk, grantOf, openTalk } from './machine-talk.ts';
import type { Change, RequestInput, RequestOutcome } from './store.ts';

type WithoutChange<T> = T extends unknown ? Omit<T, keyof Change> : never;

/** What a request is answered, besides what it did to the group. */
export type RequestAnswer = WithoutChange<RequestOutcome>;

/** A press of the button: the rows "request …" of floor.md's state table. */
export function request(draft: Draft, input: RequestInput): RequestAnswer {
  settle(draft);
  const { nowMs } = draft;
  const { sessionId, connectionId, userId } = input.member;
  const member = draft.members.get(sessionId);
  if (draft.life === null || member?.connectionId !== connectionId) return { status: 'not_joined' };
  // "by the talker's own connection again: the same TALK_GRANTED, remaining time; never a second grant"
  if (draft.talk?.sessionId === sessionId) return { status: 'repeated', grant: grantOf(draft.talk, nowMs) };
  if (member.talk !== 'allowed') return { status: 'listen_only' };
  if (draft.pending?.sessionId === sessionId) return { status: 'in_progress' };
  const { quietUntilMs } = draft.context;
  if (quietUntilMs > nowMs) return { status: 'quiet', retryAfterMs: quietUntilMs - nowMs };

  const ask = askOf(input, member);
  const waitMs = cooldownLeftMs(draft, userId, ask.emergency, input.policy.cooldownMs);
  if (waitMs > 0) return { status: 'cooldown', retryAfterMs: waitMs };

  const { talk } = draft;
  if ((talk || draft.pending) && !(talk && !draft.pending && preempts(talk, ask, input))) {
    return askInVain(draft, ask, input);
  }
  if (talk) leaveQueue(draft, sessionId);
  if (!input.oneStep) {
    reserve(draft, ask, talk?.talkId ?? null);
    return { status: 'prepared', silence: talk?.identity ?? null };
  }
  // "no third party between": the end and the start are announced in the same step.
  endTalk(draft, 'preempted');
  return { status: 'granted', grant: grantOf(openTalk(draft, ask, false, input.policy), nowMs) };
}

function askOf(input: RequestInput, member: PresentMember): Ask {
  const { userId, displayName, role, sessionId, connectionId } = input.member;
  const { talkId, token, streamId, identity } = input;
  return {
    talkId,
    token,
    streamId,
    identity,
    userId,
    role,
    speaker: { userId, displayName },
    sessionId,
    connectionId,
    processId: member.processId,
    // "emergency: off = an ordinary request"
    emergency: input.emergency && input.policy.emergency === 'allowed',
    maxTalkMs: input.policy.maxTalkMs,
  };
}

/**
 * An emergency waits only for the cooldown that an emergency caused; one that was revoked binds only the next. How long
 * it is says the request: "time limits count from the next talk on, the others from the next request on".
 */
function cooldownLeftMs(draft: Draft, userId: string, emergency: boolean, cooldownMs: number): number {
  const cooldown = draft.cooldown.get(userId);
  if (cooldown === undefined) return 0;
  const leftMs = cooldown.startMs + cooldownMs - draft.nowMs;
  if (leftMs <= 0) {
    draft.cooldown.delete(userId);
    return 0;
  }
  const binds = emergency ? cooldown.bindsEmergency : cooldown.bindsOrdinary;
  return binds ? leftMs : 0;
}

/** "request with `emergency` over an ordinary talk, or by the manager over a member where `managerPreempts`" */
function preempts(talk: Talk, ask: Ask, input: RequestInput): boolean {
  if (talk.userId === ask.userId || talk.emergency) return false;
  if (ask.emergency) return true;
  return input.policy.managerPreempts && ask.role === 'group_manager' && talk.role !== 'group_manager';
}

/** "busy + holder", or queued; "the contended limit starts to run", unless it is the holder's own second device. */
function askInVain(draft: Draft, ask: Ask, input: RequestInput): RequestAnswer {
  const { talk, pending, nowMs } = draft;
  const holder = pending ?? talk;
  if (!holder || holder.userId === ask.userId) return { status: 'busy', holder: holder?.speaker ?? null };
  if (talk && talk.userId !== ask.userId && talk.contendedAtMs === null && talk.contendedTalkMs > 0) {
    draft.talk = { ...talk, contendedAtMs: nowMs + talk.contendedTalkMs };
  }
  if (pending) draft.pending = { ...pending, contended: true };
  const { queueLimit } = input.policy;
  const position = input.queue ? takePlace(draft, ask, queueLimit) : null;
  if (position !== null) return { status: 'queued', position };
  return { status: input.queue && queueLimit > 0 ? 'queue_full' : 'busy', holder: holder.speaker };
}
