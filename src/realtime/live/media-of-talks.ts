import type { FloorStore, FloorTimings } from '../floor/index.ts';
import type { MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { Room } from './room.ts';

/** On whose right to publish a talk stands whose talker is back, null where it needs none; undefined: it has ended. */
export async function rightOf(
  { store, media }: { readonly store: FloorStore; readonly media: MediaServer },
  { groupId, honoured }: Room,
  talkId: string,
): Promise<string | null | undefined> {
  if (media.kind === 'none') return null;
  const known = honoured.get(talkId);
  if (known !== undefined) return known.identity;
  const { talk } = await store.publishers({ groupId });
  return talk?.talkId === talkId ? talk.identity : undefined;
}

/**
 * Lets nothing more pass of the audio talker whom a reservation is about to pre-empt, wherever he talks, until the
 * reservation is void; null when it pre-empts none. Returns how to let him be heard again before.
 */
export async function hushPreempted(options: {
  readonly groupId: string;
  readonly store: FloorStore;
  readonly relay: VoiceRelay;
  readonly timings: FloorTimings;
}): Promise<(() => Promise<void>) | null> {
  const { groupId, store, relay, timings } = options;
  const { talk, reserved } = await store.publishers({ groupId });
  if (talk === null || talk.identity !== null || reserved?.over !== talk.talkId) return null;
  await relay.hushEverywhere(groupId, talk.talkId, timings.pendingMs);
  return () => relay.hushEverywhere(groupId, talk.talkId, 0);
}
