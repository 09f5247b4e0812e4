import type { Draft } from './machine-draft.ts';
import type { Ask } from './machine-state.ts';

/** Tells each waiter's process where he stands. */
export function publishPlaces(draft: Draft): void {
  if (draft.queue.length === 0) return;
  draft.publish(`1 Q ${draft.queue.map((waiter, index) => `${waiter.connectionId}:${index + 1}`).join(' ')}`);
}

/** Takes a session's place out of the queue; others move up. Returns who waited there. */
export function leaveQueue(draft: Draft, sessionId: string): Ask | null {
  const waiter = draft.queue.find((each) => each.sessionId === sessionId);
  if (!waiter) return null;
  draft.queue = draft.queue.filter((each) => each !== waiter);
  publishPlaces(draft);
  return waiter;
}

/**
 * Where a request stands in the queue, from 1. Asking again keeps the place, but one that has become an emergency
 * moves before the ordinary askers, as a new one would.
 * @returns null when the queue is full
 */
export function takePlace(draft: Draft, ask: Ask, queueLimit: number): number | null {
  const { queue } = draft;
  const waiting = queue.findIndex((each) => each.sessionId === ask.sessionId);
  const waiter = queue[waiting];
  if (waiter && (waiter.emergency || !ask.emergency)) return waiting + 1;
  if (!waiter && queue.length >= queueLimit) return null;
  const others = queue.filter((each) => each !== waiter);
  const ahead = ask.emergency ? others.filter((each) => each.emergency).length : others.length;
  draft.queue = others.toSpliced(ahead, 0, waiter ? { ...waiter, emergency: true } : ask);
  if (ahead < others.length) publishPlaces(draft);
  return ahead + 1;
}
