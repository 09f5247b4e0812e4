import type { ServerMessage } from '../../_support/wire.ts';

/** What a client knows of a group: a snapshot and the events after it. */
export interface View {
  readonly epoch: number;
  readonly seq: number;
  readonly talkId: string | null;
  readonly speakerId: string | null;
  readonly presence: ReadonlySet<string>;
}

export function viewOfSnapshot(message: ServerMessage): View {
  return {
    epoch: message.epoch ?? -1,
    seq: message.seq ?? -1,
    talkId: message.floor?.talkId ?? null,
    speakerId: message.floor?.speaker?.userId ?? null,
    presence: new Set(message.presence?.map((person) => person.userId)),
  };
}

/** The view after a numbered event; `ownUserId` is who a TALK_GRANTED speaks of. */
export function viewAfter(view: View, message: ServerMessage, ownUserId: string): View {
  const next = { ...view, seq: message.seq ?? view.seq };
  switch (message.type) {
    case 'TALK_STARTED':
      return { ...next, talkId: message.talkId ?? null, speakerId: message.speaker?.userId ?? null };
    case 'TALK_GRANTED':
      return { ...next, talkId: message.talkId ?? null, speakerId: ownUserId };
    case 'TALK_ENDED':
      return { ...next, talkId: null, speakerId: null };
    case 'PRESENCE_CHANGED': {
      const presence = new Set(view.presence);
      for (const { userId } of message.joined ?? []) presence.add(userId);
      for (const { userId } of message.left ?? []) presence.delete(userId);
      return { ...next, presence };
    }
    default:
      return next;
  }
}

/** A view in words, for comparison and for people. */
export function describeView(view: View): string {
  const floor = view.talkId === null ? 'idle' : `taken by ${view.speakerId} in ${view.talkId}`;
  return `${view.epoch}/${view.seq} ${floor}, present: ${[...view.presence].toSorted().join(' ')}`;
}
