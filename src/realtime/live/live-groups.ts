import { v7 as uuid } from 'uuid';
import type { Bus, Unsubscribe } from '../bus/index.ts';
import type {
  Change,
  EndedTalk,
  FloorMember,
  FloorStore,
  FloorTimings,
  GroupSnapshot,
  LogPosition,
  WithdrawRightInput,
} from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import { mediaIdentity, type MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { FloorActor, FloorAudit, Membership } from '../access.ts';
import type { RoomMember } from './room.ts';
import { type KeeperOptions, RoomKeeper } from './room-keeper.ts';
import { groupJoinedText } from './snapshot-text.ts';
import type { TalkLedger } from './talk-ledger.ts';
import { TalkerWatch } from './talker-watch.ts';
import type { Loss } from './absent-talkers.ts';
import type { Renaming } from './renaming.ts';
import type { FloorTelemetry } from './telemetry.ts';
import { Withdrawals } from './withdrawals.ts';

/** How long a process goes on listening to a group that its last member left. */
const SUBSCRIPTION_LINGER_MS = 5_000;
const TICK_MS = 500;

interface OpenRoom {
  readonly keeper: RoomKeeper;
  /** Resolves when the group's channel is subscribed. */
  readonly standing: Promise<Unsubscribe>;
  /** Since when nothing of this process is in it, monotonic; null while something is. */
  idleSinceMs: number | null;
}

export interface LiveGroupsOptions {
  readonly store: FloorStore;
  readonly bus: Bus;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly timings: FloorTimings;
  readonly telemetry: FloorTelemetry;
  readonly ledger: TalkLedger;
  readonly audit: FloorAudit;
  readonly onHandOver: KeeperOptions['onHandOver'];
  readonly onError: (error: unknown, step: string) => void;
}

export interface JoinRequest {
  readonly re: string;
  readonly since: LogPosition | null;
  readonly audio: boolean;
}

export interface Revocation {
  readonly groupId: string;
  /** Null: whichever there is, a reservation too. */
  readonly talkId: string | null;
  readonly by: FloorActor;
  /** The talk that is recorded as revoked already. */
  readonly recordedTalkId?: string | null;
}

/** The groups in which this process has members, each with its subscription and its upkeep. */
export class LiveGroups {
  readonly #options: LiveGroupsOptions;
  readonly #watch = new TalkerWatch();
  readonly #rooms = new Map<string, OpenRoom>();
  readonly withdrawals: Withdrawals;
  #ticker: NodeJS.Timeout | null = null;

  constructor(options: LiveGroupsOptions) {
    this.#options = options;
    this.withdrawals = new Withdrawals({
      media: options.media,
      cleared: (groupId, identities) => options.store.rightsCleared({ groupId, identities }),
      onError: (error) => options.onError(error, 'withdraw'),
    });
  }

  start(): void {
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  stop(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
    for (const [groupId, room] of [...this.#rooms]) this.#drop(groupId, room);
  }

  /** Groups with members of this process, by id; their connections are counted by the live view. */
  keeper(groupId: string): RoomKeeper | undefined {
    return this.#rooms.get(groupId)?.keeper;
  }

  /** This connection's place in a group; undefined when it has not joined. */
  entry(groupId: string, connection: Connection): RoomMember | undefined {
    return this.keeper(groupId)?.room.members.get(connection.id);
  }

  /**
   * Joins, or joins again, and sends `GROUP_JOINED`. Throws `FloorStoreUnavailable` or `RedisUnavailable` when the
   * live store cannot be reached; the connection has not joined then.
   */
  async join(connection: Connection, membership: Membership, request: JoinRequest): Promise<void> {
    const groupId = membership.group.id;
    const { keeper, standing } = this.#open(groupId);
    const { room } = keeper;
    const before = room.members.get(connection.id);
    const hearsAlready = before !== undefined && before.waiting === null;
    const member = floorMember(connection, membership);
    const usesMedia = this.#options.media.kind === 'livekit' && !request.audio;
    const entry: RoomMember = {
      connection,
      member,
      identity: usesMedia ? mediaIdentity(connection.user.id, connection.session.id) : null,
      audio: request.audio,
      knownSeq: before?.knownSeq ?? 0,
      sent: before?.sent ?? false,
      waiting: hearsAlready ? null : [],
    };
    room.members.set(connection.id, entry);
    connection.joined.add(groupId);
    const { relay } = this.#options;
    if (request.audio) connection.acceptAudio();
    try {
      await Promise.all([standing, request.audio ? relay.ready(groupId) : null]);
      const sentAtMs = performance.now();
      entry.sent = true;
      const outcome = await this.#options.store.join({
        groupId,
        member: entry.member,
        voiceSessionId: uuid(),
        since: request.since,
        afterEpoch: room.sequencer.position?.epoch ?? 0,
      });
      keeper.arrived(outcome);
      const mine = outcome.talk?.sessionId === member.sessionId ? outcome.talk.talkId : null;
      const isBack = mine !== null && room.honoured.get(mine)?.connectionId !== connection.id;
      const right = isBack ? await keeper.media.rightOf(mine) : undefined;
      if (room.members.get(connection.id) !== entry) {
        await this.#leaveStore(keeper, connection, 'closed');
        return;
      }
      if (!entry.audio) relay.leave(groupId, connection);
      if (room.sequencer.position === null) room.sequencer.reset(outcome);
      if (isBack && right !== undefined) {
        const { connectionId, userId, sessionId } = member;
        const talker = { connectionId, userId, sessionId };
        room.honour(mine, { ...talker, identity: right, mediaGiven: false }, sentAtMs);
        this.#watch.begin(connection, groupId);
      }
      if (mine !== null && outcome.talk !== null) keeper.media.carry(mine, outcome.talk.streamId);
      const media = await keeper.media.listenDescription(entry);
      const { sessionId } = member;
      const tell = (snapshot: GroupSnapshot): void => {
        connection.sendText(groupJoinedText(request.re, { groupId, sessionId, snapshot, media }));
        if (entry.audio && room.members.get(connection.id) === entry) relay.listen(groupId, connection);
      };
      if (hearsAlready) {
        keeper.apply(outcome);
        await keeper.catchUp.tellInStep(entry, outcome, request.since, tell);
        return;
      }
      tell(outcome);
      room.admit(entry, outcome.seq);
      keeper.apply(outcome);
    } catch (error) {
      if (room.members.get(connection.id) === entry) this.#undoJoin(keeper, entry, before);
      throw error;
    }
  }

  /** Ends the presence of a connection in a group. Safe to call when it is not there. */
  async leave(connection: Connection, groupId: string, how: 'left' | 'closed' | 'replaced'): Promise<void> {
    const keeper = this.keeper(groupId);
    if (keeper === undefined || !connection.joined.has(groupId)) return;
    // A grant on its way comes after the events before it.
    const isAwaited = [...keeper.room.grants.values()].some((grant) => grant.connection === connection);
    if (how === 'left' && isAwaited) await keeper.catchUp.done();
    this.#forget(groupId, connection);
    await this.#leaveStore(keeper, connection, how);
  }

  /** Takes in what a step did to a group, whether this process has members there or not. */
  apply(groupId: string, change: Change): void {
    const keeper = this.keeper(groupId);
    if (keeper === undefined) this.withdrawals.begin(groupId, change.withdraw);
    else keeper.apply(change);
  }

  /**
   * Ends a talk from outside, and records who did. `answer` is called between the decision and what follows from it.
   * Throws `FloorStoreUnavailable` when the live store did not answer; the talk may have ended then.
   */
  async revoke(revocation: Revocation, answer: (ended: readonly EndedTalk[]) => void = () => undefined): Promise<void> {
    const { groupId, talkId, by, recordedTalkId = null } = revocation;
    const { store, audit } = this.#options;
    const outcome = await store.end({ groupId, talkId, cause: 'revoked' }).catch((error: unknown) => {
      audit.revokeFailed({ by, groupId });
      throw error;
    });
    for (const talk of outcome.ended) {
      if (talk.talkId !== recordedTalkId) audit.talkRevoked({ by, groupId, ...talk });
    }
    answer(outcome.ended);
    this.apply(groupId, outcome);
  }

  /** Ends what stood on a membership, a session or a right to talk; groups without members here are reached too. */
  async withdrawRight(input: WithdrawRightInput): Promise<void> {
    const step = (): Promise<Change> => this.#options.store.withdrawRight(input);
    const keeper = this.keeper(input.groupId);
    if (keeper === undefined) this.withdrawals.begin(input.groupId, (await step()).withdraw);
    else await keeper.owe(`withdraw ${input.userId} ${input.sessionId ?? 'all'}`, step);
  }

  /** Ends a talk whose sound cannot be carried. Throws `FloorStoreUnavailable`; a talk of this process ends all the same. */
  async failMedia(groupId: string, talkId: string): Promise<void> {
    const keeper = this.keeper(groupId);
    if (keeper !== undefined) await keeper.failMedia(talkId);
    else this.apply(groupId, await this.#options.store.end({ groupId, talkId, cause: 'media_failed' }));
  }

  /** The groups in which this process has members or a talk, or had a moment ago. */
  present(): string[] {
    return [...this.#rooms.keys()];
  }

  /**
   * A connection is not of the group any more: it hears nothing of it from now on, not even how its own talk ends.
   * `sessionId` null: with all sessions of its user.
   */
  async expel(connection: Connection, groupId: string, sessionId: string | null): Promise<void> {
    this.#forget(groupId, connection);
    await this.withdrawRight({ groupId, userId: connection.user.id, sessionId, right: 'member' });
  }

  /** Ends the talks of this process whose socket is gone and whose right is gone too. */
  async endAbsent(loss: Loss): Promise<void> {
    const { userId, right } = loss;
    for (const { keeper } of this.#rooms.values()) {
      const { groupId, honoured, members } = keeper.room;
      if (loss.groupId !== null && loss.groupId !== groupId) continue;
      for (const talk of [...honoured.values()]) {
        const concerns = talk.userId === userId && (loss.sessionId ?? talk.sessionId) === talk.sessionId;
        if (!concerns || members.has(talk.connectionId)) continue;
        await this.withdrawRight({ groupId, userId, sessionId: talk.sessionId, right });
      }
    }
  }

  /** The group is deleted: its talk ends, and all who are here are told so before they leave it. */
  async endGroup(groupId: string): Promise<void> {
    const keeper = this.keeper(groupId);
    if (keeper === undefined) return;
    await keeper.owe('end group', () => this.#options.store.end({ groupId, talkId: null, cause: 'removed' }));
    await keeper.catchUp.done();
    for (const { connection, member } of [...keeper.room.members.values()]) {
      this.#forget(groupId, connection);
      await this.withdrawRight({ groupId, userId: member.userId, sessionId: member.sessionId, right: 'member' });
    }
  }

  /** The membership of somebody present has another role or right to talk. */
  async changeMember(connection: Connection, membership: Membership): Promise<void> {
    const groupId = membership.group.id;
    const keeper = this.keeper(groupId);
    const entry = this.entry(groupId, connection);
    if (keeper === undefined || entry === undefined) return;
    const member = floorMember(connection, membership);
    if (member.role === entry.member.role && member.talk === entry.member.talk) return;
    entry.member = member;
    if (membership.talk === 'listen_only') {
      await this.withdrawRight({ groupId, userId: member.userId, sessionId: null, right: 'talk' });
    } else {
      await this.#tellStore(keeper, entry);
    }
  }

  /** Somebody is called otherwise now: the groups that he is in on this process are told, each once. */
  async rename({ userId, displayName }: Renaming): Promise<void> {
    const renamed: Promise<void>[] = [];
    for (const { keeper } of this.#rooms.values()) {
      for (const entry of keeper.room.members.values()) {
        if (entry.member.userId !== userId || entry.member.displayName === displayName) continue;
        entry.member = { ...entry.member, displayName };
        if (entry.sent) renamed.push(this.#tellStore(keeper, entry));
      }
    }
    await Promise.all(renamed);
  }

  /** Somebody who is present has changed; who has left, or has come back elsewhere, by the time is let be. */
  #tellStore(keeper: RoomKeeper, entry: RoomMember): Promise<void> {
    const { store } = this.#options;
    const { groupId, members } = keeper.room;
    return keeper.owe(`join ${entry.connection.id}`, async () => {
      if (members.get(entry.connection.id) !== entry) return store.settle({ groupId });
      const { member } = entry;
      const outcome = await store.join({ groupId, member, voiceSessionId: uuid(), since: null, again: true });
      keeper.arrived(outcome);
      return outcome;
    });
  }

  #leaveStore(keeper: RoomKeeper, connection: Connection, how: 'left' | 'closed' | 'replaced'): Promise<void> {
    const { groupId } = keeper.room;
    const { store } = this.#options;
    return keeper.owe(`leave ${connection.id}`, () =>
      store.leave({ groupId, sessionId: connection.session.id, connectionId: connection.id, how }),
    );
  }

  #forget(groupId: string, connection: Connection): void {
    this.#options.relay.leave(groupId, connection);
    const room = this.keeper(groupId)?.room;
    room?.members.delete(connection.id);
    room?.places.delete(connection.id);
    this.#watch.end(connection, groupId);
    connection.joined.delete(groupId);
  }

  /** Joining failed: who was there before stays as he was, who was not may be there for the store all the same. */
  #undoJoin(keeper: RoomKeeper, entry: RoomMember, before: RoomMember | undefined): void {
    const { room } = keeper;
    const { connection } = entry;
    if (before === undefined) {
      this.#forget(room.groupId, connection);
      this.#leaveStore(keeper, connection, 'closed').catch((error: unknown) =>
        this.#options.onError(error, 'undo join'),
      );
      return;
    }
    room.members.set(connection.id, before);
    before.waiting = entry.waiting;
    room.admit(before, before.knownSeq);
  }

  #open(groupId: string): OpenRoom {
    const open = this.#rooms.get(groupId);
    if (open !== undefined) {
      open.idleSinceMs = null;
      return open;
    }
    const { bus, onError } = this.#options;
    const keeper = new RoomKeeper({ ...this.#options, groupId, withdrawals: this.withdrawals, watch: this.#watch });
    const standing = bus.subscribeGroup(groupId, {
      onMessage: (payload) => keeper.room.accept(payload),
      onGap: () => keeper.catchUp.begin(),
    });
    const room: OpenRoom = { keeper, standing, idleSinceMs: null };
    this.#rooms.set(groupId, room);
    standing.catch((error: unknown) => {
      onError(error, 'subscribe');
      this.#drop(groupId, room);
    });
    return room;
  }

  #drop(groupId: string, room: OpenRoom): void {
    room.keeper.close();
    if (this.#rooms.get(groupId) === room) this.#rooms.delete(groupId);
    room.standing.then(
      (unsubscribe) => unsubscribe(),
      () => {
        // It never stood; `#open` has reported why.
      },
    );
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const [groupId, room] of this.#rooms) {
      if (room.keeper.idle) {
        room.idleSinceMs ??= nowMs;
        if (nowMs - room.idleSinceMs >= SUBSCRIPTION_LINGER_MS) this.#drop(groupId, room);
        continue;
      }
      room.idleSinceMs = null;
      room.keeper.tick(nowMs).catch((error: unknown) => this.#options.onError(error, 'renew'));
    }
  }
}

/** Source of what the floor knows of a member: his account, and his membership as of now. */
function floorMember(connection: Connection, membership: Membership): FloorMember {
  return {
    sessionId: connection.session.id,
    connectionId: connection.id,
    userId: connection.user.id,
    displayName: connection.user.displayName,
    role: membership.role,
    talk: membership.talk,
  };
}
