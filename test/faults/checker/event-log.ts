import type { ServerMessage } from '../../_support/wire.ts';
import type { ConnectionRecord } from './history.ts';
import type { Findings } from './report.ts';
import type { View } from './view.ts';

/** A numbered event, put together from all who saw it. */
export interface LoggedEvent {
  readonly groupId: string;
  readonly epoch: number;
  readonly seq: number;
  readonly kind: 'started' | 'ended' | 'presence';
  readonly talkId: string | null;
  readonly speakerId: string | null;
  readonly cause: string | null;
  readonly durationMs: number | null;
  /** When the first client saw it. */
  readonly atMs: number;
}

const DETAILS: readonly (readonly [field: string, of: (message: ServerMessage) => unknown])[] = [
  ['talkId', ({ talkId }) => talkId],
  ['streamId', ({ streamId }) => streamId],
  ['cause', ({ type, cause }) => (type === 'TALK_ENDED' ? cause : undefined)],
  ['durationMs', ({ durationMs }) => durationMs],
  ['emergency', ({ emergency }) => emergency],
  [
    'joined',
    ({ joined }) =>
      joined
        ?.map(({ userId }) => userId)
        .toSorted()
        .join(),
  ],
  [
    'left',
    ({ left }) =>
      left
        ?.map(({ userId }) => userId)
        .toSorted()
        .join(),
  ],
  ['presenceCount', ({ type, presenceCount }) => (type === 'PRESENCE_CHANGED' ? presenceCount : undefined)],
];

interface Entry {
  event: LoggedEvent;
  readonly details: Map<string, unknown>;
}

interface Epoch {
  readonly events: Map<number, Entry>;
  readonly snapshots: Map<number, { readonly view: View; readonly by: string }[]>;
}

/** All that anybody was told, by group, epoch and number: the same number is the same event for everybody. */
export class EventLog {
  readonly #groups = new Map<string, Map<number, Epoch>>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** `atMs`: when the connection saw it. */
  take(message: ServerMessage, groupId: string, connection: ConnectionRecord, atMs: number): void {
    const { epoch = -1, seq = -1 } = message;
    const kind = kindOf(message);
    const speakerId = message.type === 'TALK_GRANTED' ? connection.userId : (message.speaker?.userId ?? null);
    const { events } = this.#epoch(groupId, epoch);
    const known = events.get(seq);
    const details = known?.details ?? new Map<string, unknown>();
    const differs = (field: string, one: unknown, other: unknown): void =>
      this.#findings.add(
        'equal events',
        `${connection.name}: ${message.type} ${epoch}/${seq} of ${groupId} has ${field} ${String(one)}, others saw ${String(other)}`,
      );
    if (known !== undefined && known.event.kind !== kind) differs('kind', kind, known.event.kind);
    if (known !== undefined && known.event.speakerId !== speakerId)
      differs('speaker', speakerId, known.event.speakerId);
    for (const [field, of] of DETAILS) {
      const value = of(message);
      if (value === undefined) continue;
      if (details.has(field) && details.get(field) !== value) differs(field, value, details.get(field));
      details.set(field, value);
    }
    events.set(seq, {
      details,
      event: known
        ? { ...known.event, atMs: Math.min(known.event.atMs, atMs) }
        : {
            groupId,
            epoch,
            seq,
            kind,
            talkId: message.talkId ?? null,
            speakerId,
            cause: kind === 'ended' ? (message.cause ?? null) : null,
            durationMs: message.durationMs ?? null,
            atMs,
          },
    });
  }

  takeSnapshot(groupId: string, view: View, connection: ConnectionRecord): void {
    const { snapshots } = this.#epoch(groupId, view.epoch);
    snapshots.set(view.seq, [...(snapshots.get(view.seq) ?? []), { view, by: connection.name }]);
  }

  get size(): number {
    return this.groups.reduce(
      (sum, groupId) => sum + this.epochs(groupId).reduce((events, epoch) => events + epoch.events.size, 0),
      0,
    );
  }

  get groups(): string[] {
    return [...this.#groups.keys()];
  }

  /** The epochs of a group, oldest first. */
  epochs(groupId: string): (Epoch & { readonly number: number })[] {
    return [...(this.#groups.get(groupId) ?? [])]
      .map(([number, epoch]) => ({ number, ...epoch }))
      .toSorted((one, other) => one.number - other.number);
  }

  #epoch(groupId: string, number: number): Epoch {
    const epochs = this.#groups.get(groupId) ?? new Map<number, Epoch>();
    this.#groups.set(groupId, epochs);
    const epoch = epochs.get(number) ?? { events: new Map(), snapshots: new Map() };
    epochs.set(number, epoch);
    return epoch;
  }
}

function kindOf({ type }: ServerMessage): LoggedEvent['kind'] {
  if (type === 'TALK_ENDED') return 'ended';
  return type === 'PRESENCE_CHANGED' ? 'presence' : 'started';
}
