import type { Draft } from './machine-draft.ts';
import { publishPlaces } from './machine-queue.ts';
import type { Ask, VoidCause } from './machine-state.ts';

/** "pending": reserved, not announced, void after a while. `over` is the open talk that it pre-empts. */
export function reserve(draft: Draft, ask: Ask, over: string | null): void {
  const { identity } = ask;
  const untilMs = draft.nowMs + draft.context.timings.pendingMs;
  const isNewRight = identity !== null && !draft.rights.includes(identity);
  draft.pending = { ...ask, untilMs, contended: false, over, isNewRight };
  if (isNewRight) draft.rights = [...draft.rights, identity];
}

/** "pending → idle": nothing was announced; who drives the grant learns the cause when his commit is refused. */
export function voidPending(draft: Draft, cause: VoidCause): void {
  if (draft.pending === null) return;
  const { talkId, over } = draft.pending;
  draft.setLife({ voided: { talkId, cause, over } });
  draft.pending = null;
}

/** The first waiter who may talk gets the reservation; his process commits it (floor.md "End with a queue"). */
export function promote(draft: Draft): void {
  if (draft.life === null || draft.talk || draft.pending) return;
  for (;;) {
    const [waiter, ...others] = draft.queue;
    if (!waiter) return;
    draft.queue = others;
    const member = draft.members.get(waiter.sessionId);
    if (member?.connectionId !== waiter.connectionId) continue;
    if (member.talk !== 'allowed') {
      draft.publish(`1 D ${waiter.connectionId} listen_only`);
      continue;
    }
    reserve(draft, waiter, null);
    const { talkId, token, connectionId, streamId, identity } = waiter;
    draft.publish(`1 H ${talkId} ${token} ${connectionId} ${streamId} ${identity ?? '-'}`);
    publishPlaces(draft);
    return;
  }
}
