import type {
  EndedEnvelope,
  Envelope,
  FloorMember,
  NumberedEnvelope,
  QueueFailedEnvelope,
  StartedEnvelope,
} from '../floor/index.ts';
import { numberOf, parseEnvelope } from '../floor/index.ts';
import type { Connection, PreparedFrame } from '../gateway/index.ts';
import { prepareFrame } from '../gateway/index.ts';
import type { EndCause, Media } from '../protocol/index.ts';
import { Sequencer, type SequencerHandler } from './sequencer.ts';
import type { TalkerWatch } from './talker-watch.ts';

/** A connection of this process that is present in the group, or about to be. */
export interface RoomMember {
  readonly connection: Connection;
  /** As the store is, or is about to be, told. */
  member: FloorMember;
  /** Media identity when this connection hears the group through the media server. */
  readonly identity: string | null;
  /** This connection hears and talks by audio packets over its own socket. */
  readonly audio: boolean;
  /** The store was told, so that it counts this member as one of this process. */
  sent: boolean;
  /** Number of the snapshot that it was sent: earlier events that are still on their way are in it. */
  knownSeq: number;
  /** Events that came while the snapshot was on its way; null once it was sent. */
  waiting: HeldBack[] | null;
}

interface HeldBack {
  readonly seq: number;
  /** An answer of its own, which the snapshot does not stand for. */
  readonly isAnswer: boolean;
  readonly send: () => void;
}

/** A request of this process whose grant is announced by the event that starts its talk. */
export interface AwaitedGrant {
  readonly connection: Connection;
  /** Ids of the messages that ask for it, each with an answer of its own; none when it comes from the queue. */
  readonly asked: string[];
  readonly streamId: number;
  readonly media: Media;
  /** The right that this grant gives, to be withdrawn with it. */
  readonly identity: string | null;
  /** Monotonic time of the press, or of the turn in the queue. */
  readonly askedAtMs: number;
  /** Monotonic time before the granting step was sent. */
  sentAtMs: number;
}

/** A talk of a connection of this process, which renews its lease. */
export interface HonouredTalk {
  readonly connectionId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly identity: string | null;
  /** The right to publish was given to the connection that has it now. */
  mediaGiven: boolean;
  /** End of the lease by this process's monotonic clock, counted from before the last confirmed renewal was sent. */
  leaseEndsAtMs: number;
}

/** Ends of which the talker is told before everybody (protocol.md `TALK_REVOKED`). */
const revokedCauses: ReadonlySet<EndCause> = new Set([
  'preempted',
  'too_long',
  'revoked',
  'removed',
  'media_failed',
  'expired',
]);

export interface RoomEvents extends Pick<SequencerHandler, 'onGap' | 'onNewEpoch'> {
  /** A waiter of this process has got the reservation. */
  onHandOver(note: Extract<Envelope, { kind: 'handover' }>): void;
  /** A talk of a connection of this process has started, though nobody here waits for it any more. */
  onUnansweredGrant(talkId: string): void;
  /** `grant`: what announced it to a talker of this process, else null. */
  onStarted(event: StartedEnvelope, grant: AwaitedGrant | null): void;
  /** Another process has begun to listen to the group's audio. */
  onAudience(): void;
  /** The audio packets of a talk are not to pass for so many milliseconds. */
  onHush(talkId: string, forMs: number): void;
  /** `wasHonoured`: the talk was one of this process. */
  onEnded(event: EndedEnvelope, wasHonoured: boolean): void;
}

/** One group as this process sees it: its own connections there, and the order in which they hear of events. */
export class Room {
  readonly groupId: string;
  readonly sequencer: Sequencer;
  /** By connection id. */
  readonly members = new Map<string, RoomMember>();
  /** By talk id. */
  readonly grants = new Map<string, AwaitedGrant>();
  readonly honoured = new Map<string, HonouredTalk>();
  /** Answers of releases under way by connection id: the answer goes out before the `TALK_ENDED` that it causes. */
  readonly releases = new Map<string, () => void>();
  /** Last known places in the queue by connection id. */
  readonly places = new Map<string, number>();
  readonly #events: RoomEvents;
  readonly #leaseMs: number;
  readonly #watch: TalkerWatch;
  /** Talks whose talker was told already that they are over. */
  readonly #told = new Set<string>();
  /** By connection id: who leaves while a grant of his is on its way hears of what has a number before it. */
  readonly #leavers = new Map<string, RoomMember>();

  constructor(groupId: string, leaseMs: number, watch: TalkerWatch, events: RoomEvents) {
    this.groupId = groupId;
    this.#watch = watch;
    this.#leaseMs = leaseMs;
    this.#events = events;
    this.sequencer = new Sequencer({
      deliver: (event) => this.#deliver(event),
      onGap: events.onGap,
      onNewEpoch: events.onNewEpoch,
    });
  }

  /** Takes a payload from a script's reply or from the bus; the same one may come twice. */
  accept(payload: string): void {
    // A script's reply has brought most of what comes over the bus.
    const number = numberOf(payload);
    if (number !== null && !this.sequencer.wants(number)) return;
    const envelope = parseEnvelope(payload);
    if (envelope === null) return;
    switch (envelope.kind) {
      case 'started':
      case 'ended':
      case 'presence':
      case 'other':
        this.sequencer.accept(envelope);
        return;
      case 'handover':
        if (this.members.has(envelope.connectionId)) this.#events.onHandOver(envelope);
        return;
      case 'queue':
        for (const { connectionId, position } of envelope.places) this.#tellPlace(connectionId, position);
        return;
      case 'queue_failed':
        this.#tellQueueFailed(envelope);
        return;
      case 'audience':
        this.#events.onAudience();
        return;
      case 'hush':
        this.#events.onHush(envelope.talkId, envelope.forMs);
        return;
      default:
        envelope satisfies never;
    }
  }

  /** Sends what the member missed while his snapshot was on its way. */
  admit(entry: RoomMember, snapshotSeq: number): void {
    const waiting = entry.waiting ?? [];
    entry.waiting = null;
    entry.knownSeq = snapshotSeq;
    for (const { seq, isAnswer, send } of waiting) if (isAnswer || seq > snapshotSeq) send();
  }

  /** Takes a connection out: it hears no more. */
  remove(connectionId: string): void {
    this.members.delete(connectionId);
    this.places.delete(connectionId);
    this.#leavers.delete(connectionId);
  }

  /** Whoever was taken out goes on hearing until the grant that he awaits has come, or `hasLeft`. */
  keepInStep(leaver: RoomMember): void {
    this.#leavers.set(leaver.connection.id, leaver);
  }

  /** The store knows that he has left: no grant of his comes any more. */
  hasLeft(connectionId: string): void {
    this.#leavers.delete(connectionId);
  }

  #awaitsGrant(connectionId: string): boolean {
    return [...this.grants.values()].some(({ connection }) => connection.id === connectionId);
  }

  /** `sentAtMs`: monotonic time before the step that gave or confirmed the lease was sent. */
  honour(talkId: string, talk: Omit<HonouredTalk, 'leaseEndsAtMs'>, sentAtMs: number): void {
    this.honoured.set(talkId, { ...talk, leaseEndsAtMs: sentAtMs + this.#leaseMs });
  }

  /** Tells a talker that his talk is over before its end has a number; the later event does not repeat it. */
  tellRevoked(connection: Connection, talkId: string, cause: EndCause, retryAfterMs: number): void {
    this.#told.add(talkId);
    connection.send({ type: 'TALK_REVOKED', groupId: this.groupId, talkId, cause, retryAfterMs });
  }

  #deliver(event: NumberedEnvelope): void {
    const frame = prepareFrame(event.bytes);
    switch (event.kind) {
      case 'started':
        this.#deliverStarted(event, frame);
        return;
      case 'ended':
        this.#deliverEnded(event, frame);
        return;
      case 'presence':
      case 'other':
        this.#sendToAll(event.seq, frame, null);
        return;
      default:
        event satisfies never;
    }
  }

  #deliverStarted(event: StartedEnvelope, frame: PreparedFrame): void {
    const grant = this.grants.get(event.talkId);
    this.grants.delete(event.talkId);
    this.places.delete(event.connectionId);
    if (grant !== undefined) {
      const { user, session } = grant.connection;
      const { connectionId } = event;
      const talker = { connectionId, userId: user.id, sessionId: session.id };
      this.honour(event.talkId, { ...talker, identity: grant.identity, mediaGiven: true }, grant.sentAtMs);
      this.#sendGrant(event, grant);
    } else if (this.members.has(event.connectionId)) {
      this.#events.onUnansweredGrant(event.talkId);
    }
    // Who was told that nothing came of his request hears of his talk as the others do: his numbers have no gap.
    this.#sendToAll(event.seq, frame, grant === undefined ? null : event.connectionId);
    this.#events.onStarted(event, grant ?? null);
  }

  #sendGrant(event: StartedEnvelope, grant: AwaitedGrant): void {
    const { connection } = grant;
    if (this.members.has(connection.id)) this.#watch.begin(connection, this.groupId);
    const waiting = (this.members.get(connection.id) ?? this.#leavers.get(connection.id))?.waiting;
    const send = (): void => this.#answerAsked(event, grant);
    if (waiting) waiting.push({ seq: event.seq, isAnswer: true, send });
    else send();
  }

  #answerAsked(event: StartedEnvelope, grant: AwaitedGrant): void {
    const answers = grant.asked.length === 0 ? [{}] : grant.asked.map((re) => ({ re }));
    for (const answer of answers)
      grant.connection.send({
        type: 'TALK_GRANTED',
        ...answer,
        groupId: this.groupId,
        epoch: event.epoch,
        seq: event.seq,
        talkId: event.talkId,
        streamId: grant.streamId,
        maxTalkMs: event.maxTalkMs,
        remainingMs: event.remainingMs,
        media: grant.media,
      });
  }

  #deliverEnded(event: EndedEnvelope, frame: PreparedFrame): void {
    const talker = this.members.get(event.connectionId);
    const wasHonoured = this.honoured.delete(event.talkId);
    const told = this.#told.delete(event.talkId);
    if (talker !== undefined) {
      this.#watch.end(talker.connection, this.groupId);
      if (event.cause === 'released') this.releases.get(event.connectionId)?.();
      if (revokedCauses.has(event.cause) && event.talkerStays && !told) {
        talker.connection.send({
          type: 'TALK_REVOKED',
          groupId: this.groupId,
          talkId: event.talkId,
          cause: event.cause,
          retryAfterMs: event.retryAfterMs,
        });
      }
    }
    this.#sendToAll(event.seq, frame, null);
    this.#events.onEnded(event, wasHonoured);
  }

  #sendToAll(seq: number, frame: PreparedFrame, exceptConnectionId: string | null): void {
    for (const [connectionId, entry] of this.members) {
      if (connectionId !== exceptConnectionId) sendTo(entry, seq, frame);
    }
    for (const [connectionId, entry] of this.#leavers) {
      if (this.#awaitsGrant(connectionId)) sendTo(entry, seq, frame);
    }
  }

  /** The store has lost who waits: each is told that his place is gone (protocol.md `TALK_DENIED` without `re`). */
  losePlaces(): void {
    for (const connectionId of [...this.places.keys()]) {
      this.places.delete(connectionId);
      const { groupId } = this;
      this.members.get(connectionId)?.connection.send({ type: 'TALK_DENIED', groupId, cause: 'unavailable' });
    }
  }

  #tellPlace(connectionId: string, position: number): void {
    const known = this.places.get(connectionId);
    if (known === undefined || known === position) return;
    this.places.set(connectionId, position);
    this.members.get(connectionId)?.connection.send({ type: 'TALK_QUEUED', groupId: this.groupId, position });
  }

  #tellQueueFailed({ connectionId, cause, retryAfterMs }: QueueFailedEnvelope): void {
    if (!this.places.delete(connectionId)) return;
    const wait = cause === 'cooldown' ? { retryAfterMs } : {};
    this.members.get(connectionId)?.connection.send({ type: 'TALK_DENIED', groupId: this.groupId, cause, ...wait });
  }
}

function sendTo(entry: RoomMember, seq: number, frame: PreparedFrame): void {
  if (entry.waiting === null) {
    if (seq > entry.knownSeq) entry.connection.sendFrame(frame);
  } else {
    entry.waiting.push({ seq, isAnswer: false, send: () => entry.connection.sendFrame(frame) });
  }
}
