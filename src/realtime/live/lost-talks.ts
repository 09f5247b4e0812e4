import { z } from 'zod';
import type { FloorHistorySource } from '../floor/index.ts';
import type { DomainEvent } from '../gateway/index.ts';
import type { TalkLedger } from './talk-ledger.ts';

export interface LostTalksOptions {
  readonly ledger: TalkLedger;
  /** Of the live store as it is now: the newest of its parts, and of the part that has a group. */
  readonly generation: () => number;
  readonly generationOf: (groupId: string) => number;
  readonly history: Pick<FloorHistorySource, 'note'>;
  /** What the new store did keep is stored first, as it was: it gets this long. */
  readonly afterMs: number;
}

/**
 * Tells a new live store of the talks that were lost with the one before it. Returns a function that does so when it is
 * time and passes when there is nothing to tell; `now`: without waiting. Throws `FloorStoreUnavailable`; nothing is
 * lost then, and the next call tells them.
 */
export function createLostTalks(options: LostTalksOptions): (when?: 'now') => Promise<void> {
  const { ledger, history, afterMs, generationOf } = options;
  let known = options.generation();
  let sinceMs = 0;
  let isTold = true;
  return async (when) => {
    const generation = options.generation();
    const nowMs = performance.now();
    if (generation !== known) {
      known = generation;
      sinceMs = nowMs;
      isTold = false;
      // What is open ends here, not when it is told.
      ledger.lostBefore(generationOf);
    }
    if (isTold || (when !== 'now' && nowMs - sinceMs < afterMs)) return;
    const talks = ledger.lostBefore(generationOf);
    const told = new Map(talks.map(({ groupId }) => [groupId, generationOf(groupId)]));
    if (talks.length > 0) await history.note(talks);
    ledger.told(talks, (groupId) => told.get(groupId) ?? 0);
    isTold = true;
  };
}

const storedTalk = z.object({ talkId: z.string() });

/** The talk that PostgreSQL has, by this event; null for other events. */
export function storedTalkOf({ type, payload }: DomainEvent): string | null {
  if (type !== 'talk.finished') return null;
  const parsed = storedTalk.safeParse(payload);
  return parsed.success ? parsed.data.talkId : null;
}
