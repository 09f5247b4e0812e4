import type { Draft } from './machine-draft.ts';
import { addPerson, dropMember, renamePerson } from './machine-presence.ts';
import { leaveQueue } from './machine-queue.ts';
import { promote, voidPending } from './machine-reservation.ts';
import { openLife, settle } from './machine-settle.ts';
import type { Ask, VoidCause } from './machine-state.ts';
import { endTalk, grantOf, openTalk, remainingMs } from './machine-talk.ts';
import { type OpenTalk, SNAPSHOT_PRESENCE_LIMIT } from './model.ts';
import type {
  CancelInput,
  CommitInput,
  EndInput,
  EndOutcome,
  Grant,
  GroupSnapshot,
  JoinInput,
  LeaveInput,
  LogPosition,
  Publishers,
  ReleaseInput,
  RenewInput,
  SnapshotInput,
  WithdrawRightInput,
} from './store.ts';

export type SnapshotAnswer = Pick<GroupSnapshot, 'talk' | 'presence' | 'presenceCount' | 'connections' | 'missed'>;

export type PublishersAnswer = Pick<Publishers, 'talk' | 'reserved'>;

export type CommitAnswer =
  | { readonly status: 'granted'; readonly grant: Grant }
  | { readonly status: 'refused'; readonly cause: VoidCause };

/** Presence begins, or goes on over another connection; the session's talk goes with it. */
export function join(draft: Draft, input: JoinInput): SnapshotAnswer & { voiceSessionId: string } {
  settle(draft);
  if (draft.life === null) openLife(draft, input.voiceSessionId, input.afterEpoch);
  const { processId, timings } = draft.context;
  const { sessionId, connectionId, userId, displayName, role, talk: right } = input.member;
  const fragment = JSON.stringify({ userId, displayName, role });
  const known = draft.members.get(sessionId);
  if (known && input.again && known.connectionId !== connectionId) {
    return { ...snapshotOf(draft, input.since), voiceSessionId: draft.life?.voiceSessionId ?? '' };
  }
  if (known) renamePerson(draft, userId, fragment);
  else addPerson(draft, userId, fragment);
  if (known && known.connectionId !== connectionId) {
    // What the old socket asked for dies with it.
    leaveQueue(draft, sessionId);
    if (draft.pending?.sessionId === sessionId) {
      voidPending(draft, 'not_joined');
      promote(draft);
    }
  }
  draft.members.set(sessionId, { connectionId, processId, userId, talk: right, swapAtMs: null });
  const leaseAtMs = draft.nowMs + timings.leaseMs;
  draft.processes.set(processId, leaseAtMs);
  draft.setLife({ emptyAtMs: null });
  const { talk } = draft;
  if (talk?.sessionId === sessionId && right !== 'allowed') {
    // "talk right taken: removed", while the socket was gone
    endTalk(draft, 'removed');
    promote(draft);
  } else if (talk?.sessionId === sessionId && talk.connectionId !== connectionId) {
    // "same session back in time keeps the talk"
    draft.talk = { ...talk, connectionId, processId, graceAtMs: null, leaseAtMs };
  }
  return { ...snapshotOf(draft, input.since), voiceSessionId: draft.life?.voiceSessionId ?? '' };
}

/** "talker leaves the group: released"; "socket gone: taken for the grace"; "queued: left, socket gone". */
export function leave(draft: Draft, input: LeaveInput): void {
  settle(draft);
  const { sessionId, connectionId, how } = input;
  const member = draft.members.get(sessionId);
  if (member?.connectionId !== connectionId) return;
  leaveQueue(draft, sessionId);
  if (draft.pending?.sessionId === sessionId) voidPending(draft, 'not_joined');
  const graceAtMs = draft.nowMs + draft.context.timings.graceMs;
  const { talk } = draft;
  if (talk?.sessionId === sessionId) {
    if (how === 'left') endTalk(draft, 'released');
    else if (talk.graceAtMs === null) draft.talk = { ...talk, graceAtMs };
  }
  if (how === 'replaced') {
    draft.members.set(sessionId, { ...member, swapAtMs: graceAtMs });
    if (draft.life?.swapAtMs === null) draft.setLife({ swapAtMs: graceAtMs });
  } else {
    dropMember(draft, sessionId, member);
  }
  promote(draft);
}

/** "pending | commit": the second step of a grant. Sent again it gives the same grant. */
export function commit(draft: Draft, input: CommitInput): CommitAnswer {
  settle(draft);
  const { talk, pending, nowMs } = draft;
  if (talk?.talkId === input.talkId && talk.token === input.token) {
    return { status: 'granted', grant: grantOf(talk, nowMs) };
  }
  if (pending?.talkId !== input.talkId || pending.token !== input.token) {
    const voided = draft.life?.voided;
    return { status: 'refused', cause: voided?.talkId === input.talkId ? voided.cause : 'void' };
  }
  const member = draft.members.get(pending.sessionId);
  if (member?.connectionId !== pending.connectionId || member.talk !== 'allowed') {
    const cause = member?.connectionId === pending.connectionId ? 'listen_only' : 'not_joined';
    voidPending(draft, cause);
    promote(draft);
    return { status: 'refused', cause };
  }
  draft.pending = null;
  endTalk(draft, 'preempted');
  return { status: 'granted', grant: grantOf(openTalk(draft, pending, pending.contended, input.policy), nowMs) };
}

/** "pending | refused right: idle or next". The talk of who was silenced for nothing ends too. */
export function cancel(draft: Draft, input: CancelInput): void {
  settle(draft);
  const { pending } = draft;
  const voided = draft.life?.voided;
  let over = voided?.talkId === input.talkId ? voided.over : null;
  if (pending?.talkId === input.talkId && pending.token === input.token) {
    over = pending.over;
    draft.pending = null;
    const { identity, isNewRight } = pending;
    if (isNewRight && !input.rightGiven) draft.rights = draft.rights.filter((held) => held !== identity);
  }
  if (input.silenced !== null && over !== null && draft.talk?.talkId === over) endTalk(draft, input.silenced);
  promote(draft);
}

/**
 * "taken | release by the talker's session", "pending | its own release: started and ended, 0 ms"; "by anybody
 * else, or naming another talkId: released false; only a release without talkId gives up the queue place".
 */
export function release(draft: Draft, input: ReleaseInput): { released: boolean } {
  settle(draft);
  const { sessionId, connectionId, talkId } = input;
  function isOwn(ask: { sessionId: string; connectionId: string; talkId: string } | null): boolean {
    if (ask?.sessionId !== sessionId || ask.connectionId !== connectionId) return false;
    return talkId === null || ask.talkId === talkId;
  }
  const { pending } = draft;
  if (isOwn(draft.talk)) {
    endTalk(draft, 'released');
    promote(draft);
    return { released: true };
  }
  if (pending && isOwn(pending)) {
    draft.pending = null;
    draft.setLife({ voided: { talkId: pending.talkId, cause: 'released', over: null } });
    endTalk(draft, 'preempted');
    openTalk(draft, pending, false, { maxTalkMs: pending.maxTalkMs, contendedTalkMs: 0, cooldownMs: 0 });
    endTalk(draft, 'released');
    promote(draft);
    return { released: true };
  }
  if (talkId === null && draft.members.get(sessionId)?.connectionId === connectionId) leaveQueue(draft, sessionId);
  return { released: false };
}

/** "taken | revoke", "media gone" and what else ends a talk from outside; "pending | revoke: cancelled, busy". */
export function end(draft: Draft, input: EndInput): Pick<EndOutcome, 'ended'> {
  settle(draft);
  const { talkId, cause } = input;
  function isMeant(ask: Ask | null): ask is Ask {
    return ask !== null && (talkId === null || ask.talkId === talkId);
  }
  const { pending, talk } = draft;
  const ended = [pending, talk].flatMap((ask) => (isMeant(ask) ? [{ talkId: ask.talkId, userId: ask.userId }] : []));
  const groupIsGone = talkId === null && cause === 'removed';
  if (groupIsGone) draft.queue = [];
  if (isMeant(pending)) voidPending(draft, groupIsGone ? 'not_joined' : 'busy');
  if (isMeant(talk)) endTalk(draft, cause, groupIsGone);
  promote(draft);
  return { ended };
}

/** "member removed, talk right taken, user disabled, session ended: removed"; a waiter's place goes too. */
export function withdrawRight(draft: Draft, input: WithdrawRightInput): void {
  settle(draft);
  if (draft.life === null) return;
  const { userId, sessionId: only, right } = input;
  function concerns(ask: { userId: string; sessionId: string } | null): boolean {
    return ask?.userId === userId && (only === null || ask.sessionId === only);
  }
  if (concerns(draft.pending)) voidPending(draft, right === 'talk' ? 'listen_only' : 'not_joined');
  if (concerns(draft.talk)) endTalk(draft, 'removed');
  for (const [sessionId, member] of draft.members.entries()) {
    if (!concerns({ userId: member.userId, sessionId })) continue;
    const waiter = leaveQueue(draft, sessionId);
    if (right === 'member') {
      dropMember(draft, sessionId, member);
    } else {
      draft.members.set(sessionId, { ...member, talk: 'listen_only' });
      if (waiter) draft.publish(`1 D ${waiter.connectionId} listen_only`);
    }
  }
  promote(draft);
}

/** An identity that was given the floor anew stays on the list. */
export function rightsCleared(draft: Draft, input: { identities: readonly string[] }): void {
  const cleared = input.identities.filter((identity) => !mayPublish(draft, identity));
  draft.rights = draft.rights.filter((identity) => !cleared.includes(identity));
}

function mayPublish(draft: Draft, identity: string): boolean {
  return draft.talk?.identity === identity || draft.pending?.identity === identity;
}

/** Identities that have neither floor nor reservation. */
export function withdrawals(draft: Draft): string[] {
  return draft.rights.filter((identity) => !mayPublish(draft, identity));
}

/**
 * Renews the leases of a process. A talk of its own that it does not honour is a grant that was never answered:
 * "a process that meets its own unanswered grant ends it at once, lost". One whose socket is gone has the grace.
 */
export function renew(draft: Draft, input: RenewInput): { known: boolean } {
  settle(draft);
  const { processId, timings } = draft.context;
  const leaseAtMs = draft.nowMs + timings.leaseMs;
  const isThere = draft.processes.get(processId) !== undefined;
  const members = [...draft.members.values()].filter(
    (member) => member.processId === processId && member.swapAtMs === null,
  ).length;
  if (isThere) draft.processes.set(processId, leaseAtMs);
  const { talk } = draft;
  if (talk?.processId === processId) {
    if (input.honouredTalkIds.includes(talk.talkId)) {
      draft.talk = { ...talk, leaseAtMs };
    } else if (talk.graceAtMs === null) {
      endTalk(draft, 'lost');
      promote(draft);
    }
  }
  return { known: isThere && members === input.members };
}

export function snapshot(draft: Draft, input: SnapshotInput): SnapshotAnswer {
  settle(draft);
  return snapshotOf(draft, input.since);
}

/** Who may be publishing now. */
export function publishers(draft: Draft): PublishersAnswer {
  settle(draft);
  const { talk, pending } = draft;
  return {
    talk: talk && { talkId: talk.talkId, identity: talk.identity },
    reserved: pending && { talkId: pending.talkId, identity: pending.identity, over: pending.over },
  };
}

function snapshotOf(draft: Draft, since: LogPosition | null): SnapshotAnswer {
  return {
    talk: openTalkOf(draft),
    presence: [...draft.people.values()].slice(0, SNAPSHOT_PRESENCE_LIMIT).map((person) => person.fragment),
    presenceCount: draft.people.size,
    connections: [...draft.members.values()].filter((member) => member.swapAtMs === null).length,
    missed: since === null ? null : missedSince(draft, since),
  };
}

function openTalkOf(draft: Draft): OpenTalk | null {
  if (draft.talk === null) return null;
  const { talkId, streamId, speaker, sessionId, emergency, startMs } = draft.talk;
  return {
    talkId,
    streamId,
    speaker,
    sessionId,
    emergency,
    elapsedMs: draft.nowMs - startMs,
    remainingMs: remainingMs(draft.talk, draft.nowMs),
  };
}

/** Payloads after a position, or null when the log does not reach back to it. */
function missedSince(draft: Draft, since: LogPosition): readonly string[] | null {
  if (draft.life?.epoch !== since.epoch) return null;
  const count = draft.life.seq - since.seq;
  if (count < 0 || count > draft.log.length) return null;
  return draft.log.slice(draft.log.length - count);
}
