import type { CommitOutcome, RequestOutcome } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import type { ServerMessageOf } from '../protocol/index.ts';
import type { AwaitedGrant, Room } from './room.ts';
import type { FloorTelemetry } from './telemetry.ts';

/** Why somebody does not get the floor, as he is told. */
export type Denial = Omit<ServerMessageOf<'TALK_DENIED'>, 'type' | 're' | 'groupId'>;

/** Whose request is denied; `re` is used when no grant is awaited any more, null: nothing is said then. */
interface Asker {
  readonly talkId: string;
  readonly connection: Connection;
  readonly re: string | null;
}

/** Answers every message that asks for this talk, once. */
export function deny(telemetry: FloorTelemetry, room: Room, { talkId, connection, re }: Asker, denial: Denial): void {
  const { groupId, grants } = room;
  const grant = grants.get(talkId);
  grants.delete(talkId);
  if (grant === undefined && re === null) return;
  countAnswer(telemetry, grant, denial.cause);
  const asked = grant === undefined || grant.asked.length === 0 ? (re === null ? [{}] : [{ re }]) : named(grant.asked);
  for (const answer of asked) connection.send({ type: 'TALK_DENIED', ...answer, groupId, ...denial });
}

/** Counts what a request came to, where its grant was awaited. */
export function countAnswer(telemetry: FloorTelemetry, grant: AwaitedGrant | undefined, outcome: string): void {
  if (grant === undefined) return;
  telemetry.talkRequested({ outcome, tookMs: performance.now() - grant.askedAtMs });
}

function named(asked: readonly string[]): { re: string }[] {
  return asked.map((re) => ({ re }));
}

/** What a request that the store has refused is answered. */
export function denialOfRequest(
  outcome: Exclude<RequestOutcome, { status: 'granted' | 'repeated' | 'prepared' | 'in_progress' | 'queued' }>,
): Denial {
  switch (outcome.status) {
    case 'busy':
    case 'queue_full':
      return { cause: outcome.status, ...(outcome.holder === null ? {} : { holder: outcome.holder }) };
    case 'cooldown':
      return { cause: 'cooldown', retryAfterMs: outcome.retryAfterMs };
    case 'quiet':
      return { cause: 'unavailable', retryAfterMs: outcome.retryAfterMs };
    case 'listen_only':
    case 'not_joined':
      return { cause: outcome.status };
    default:
      return outcome satisfies never;
  }
}

/** What is answered when a reservation could not be committed; `identity`: the right that it would have given. */
export function denialOfCommit(
  cause: Exclude<Extract<CommitOutcome, { status: 'refused' }>['cause'], 'released'>,
  identity: string | null,
): Denial {
  if (cause !== 'void') return { cause };
  return { cause: identity === null ? 'unavailable' : 'media_unavailable' };
}
