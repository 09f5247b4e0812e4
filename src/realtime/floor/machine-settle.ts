import type { Draft } from './machine-draft.ts';
import { dropMember, flushPresence } from './machine-presence.ts';
import { leaveQueue } from './machine-queue.ts';
import { promote, voidPending } from './machine-reservation.ts';
import type { GroupLife } from './machine-state.ts';
import { GENERATION_FACTOR } from './model.ts';
import { endTalk, noteTalk, talkDeadline } from './machine-talk.ts';

/** The number of a group's new life: generation · 2³² + seconds (floor.md "Epochs"). */
function epochAt(generation: number, nowMs: number): number {
  return generation * GENERATION_FACTOR + Math.floor(nowMs / 1_000);
}

export function openLife(draft: Draft, voiceSessionId: string, afterEpoch = 0): void {
  const { context, nowMs } = draft;
  draft.life = {
    epoch: Math.max(epochAt(context.generation, nowMs), afterEpoch + 1),
    seq: 0,
    generation: context.generation,
    voiceSessionId,
    dirtyAtMs: null,
    emptyAtMs: null,
    swapAtMs: null,
    voided: null,
  };
  draft.history.push({ kind: 'opened', voiceSessionId, startMs: nowMs });
}

/** Lets happen what is due. Every decision is taken on a settled group. */
export function settle(draft: Draft): void {
  if (draft.life === null) return;
  if (draft.context.generation > draft.life.generation) renewEpoch(draft);
  settleFloor(draft);
  dropDeadProcesses(draft);
  dropSwapped(draft);
  promote(draft);
  const { nowMs } = draft;
  const { presenceFlushMs, lingerMs } = draft.context.timings;
  const { dirtyAtMs, emptyAtMs } = draft.life;
  if (dirtyAtMs !== null && dirtyAtMs + presenceFlushMs <= nowMs) flushPresence(draft);
  if (emptyAtMs !== null && emptyAtMs + lingerMs <= nowMs && !draft.talk && !draft.pending) closeGroup(draft);
}

/** "maxTalkMs reached", "lease ran out", "socket gone … then idle/next", "time over" of the state table. */
function settleFloor(draft: Draft): void {
  if (draft.talk) {
    const { atMs, cause } = talkDeadline(draft.talk);
    if (atMs <= draft.nowMs) endTalk(draft, cause, false, atMs);
  }
  if (draft.pending && draft.pending.untilMs <= draft.nowMs) voidPending(draft, 'void');
}

/** "A process that dies takes its members with it within one lease." */
function dropDeadProcesses(draft: Draft): void {
  const dead = draft.processes
    .entries()
    .filter(([, leaseAtMs]) => leaseAtMs <= draft.nowMs)
    .toSorted(([a, aAtMs], [b, bAtMs]) => aAtMs - bAtMs || (a < b ? -1 : 1));
  for (const [processId] of dead) {
    draft.processes.delete(processId);
    for (const [sessionId, member] of draft.members.entries()) {
      if (member.processId !== processId) continue;
      leaveQueue(draft, sessionId);
      dropMember(draft, sessionId, member);
    }
  }
}

/** Ends the presence of replaced sockets whose session did not come back within the grace. */
function dropSwapped(draft: Draft): void {
  const swapAtMs = draft.life?.swapAtMs ?? null;
  if (swapAtMs === null || swapAtMs > draft.nowMs) return;
  let nextAtMs: number | null = null;
  for (const [sessionId, member] of draft.members.entries()) {
    if (member.swapAtMs === null) continue;
    if (member.swapAtMs <= draft.nowMs) dropMember(draft, sessionId, member);
    else nextAtMs = Math.min(nextAtMs ?? member.swapAtMs, member.swapAtMs);
  }
  draft.setLife({ swapAtMs: nextAtMs });
}

/**
 * The store lost data or changed its primary: what was open is over without a number, and the new epoch's snapshot
 * stands for its end.
 */
function renewEpoch(draft: Draft): void {
  if (draft.talk) noteTalk(draft, draft.talk, 'expired', talkDeadline(draft.talk).atMs);
  draft.talk = null;
  draft.pending = null;
  draft.queue = [];
  draft.log = [];
  draft.dirty.clear();
  const { generation } = draft.context;
  draft.setLife({ epoch: epochAt(generation, draft.nowMs), generation, seq: 0, dirtyAtMs: null });
}

/** "Live state of a group lingers after the last member left, then costs nothing; the voice session closes." */
function closeGroup(draft: Draft): void {
  if (draft.life === null) return;
  const { voiceSessionId } = draft.life;
  draft.history.push({ kind: 'closed', voiceSessionId, endMs: draft.nowMs, participants: draft.seen.size });
  draft.life = null;
  draft.queue = [];
  draft.log = [];
  draft.seen = new Set();
  draft.members.clear();
  draft.people.clear();
  draft.processes.clear();
  draft.dirty.clear();
  draft.cooldown.clear();
}

/** When something is due next, from now; null: nothing. */
export function dueInMs(draft: Draft): number | null {
  if (draft.life === null) return null;
  const due = [...duesOf(draft, draft.life)].filter((atMs) => atMs !== null);
  return due.length === 0 ? null : Math.max(0, Math.min(...due) - draft.nowMs);
}

function* duesOf(draft: Draft, life: GroupLife): Generator<number | null> {
  const { presenceFlushMs, lingerMs } = draft.context.timings;
  if (draft.talk) yield talkDeadline(draft.talk).atMs;
  if (draft.pending) yield draft.pending.untilMs;
  if (life.dirtyAtMs !== null) yield life.dirtyAtMs + presenceFlushMs;
  yield life.swapAtMs;
  if (life.emptyAtMs !== null) yield life.emptyAtMs + lingerMs;
  yield* draft.processes.values();
}
