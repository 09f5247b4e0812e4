import { v7 as uuid } from 'uuid';
import type { FloorStore, GroupSnapshot, LogPosition } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import { mediaIdentity, type MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { Membership } from '../access.ts';
import { floorMember } from './floor-member.ts';
import type { Leavers } from './leavers.ts';
import type { LiveGroups } from './live-groups.ts';
import type { RoomMember } from './room.ts';
import type { RoomKeeper } from './room-keeper.ts';
import { groupJoinedText } from './snapshot-text.ts';

export interface JoinRequest {
  readonly re: string;
  readonly since: LogPosition | null;
  readonly audio: boolean;
}

export interface GroupJoinsOptions {
  readonly groups: LiveGroups;
  readonly leavers: Leavers;
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly onError: (error: unknown, step: string) => void;
}

/** How connections of this process come into groups and go out of them. */
export class GroupJoins {
  readonly #options: GroupJoinsOptions;

  constructor(options: GroupJoinsOptions) {
    this.#options = options;
  }

  /**
   * Joins, or joins again, and sends `GROUP_JOINED`. Throws `FloorStoreUnavailable` or `RedisUnavailable` when the
   * live store cannot be reached; the connection has not joined then.
   */
  async join(connection: Connection, membership: Membership, request: JoinRequest): Promise<void> {
    const groupId = membership.group.id;
    const { groups, relay, leavers } = this.#options;
    const { keeper, standing } = groups.open(groupId);
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
    if (request.audio) connection.acceptAudio();
    try {
      await Promise.all([standing, request.audio ? relay.ready(groupId) : null, leavers.joins(groupId, member)]);
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
      if (!entry.audio) relay.stopListening(groupId, connection);
      if (room.sequencer.position === null) room.sequencer.reset(outcome);
      if (isBack && right !== undefined) {
        const { connectionId, userId, sessionId } = member;
        const talker = { connectionId, userId, sessionId };
        room.honour(mine, { ...talker, identity: right, mediaGiven: false }, sentAtMs);
        groups.watch.begin(connection, groupId);
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
    const { groups, leavers } = this.#options;
    const keeper = groups.keeper(groupId);
    if (keeper === undefined || !connection.joined.has(groupId)) return;
    const { user, session } = connection;
    if (how === 'left') leavers.left(groupId, { userId: user.id, sessionId: session.id });
    const { room } = keeper;
    // A grant on its way comes after the events before it.
    const isAwaited = how === 'left' && [...room.grants.values()].some((grant) => grant.connection === connection);
    if (isAwaited) await keeper.catchUp.done();
    const leaver = isAwaited ? room.members.get(connection.id) : undefined;
    groups.forget(groupId, connection);
    if (leaver !== undefined) room.keepInStep(leaver);
    try {
      await this.#leaveStore(keeper, connection, how);
    } finally {
      room.hasLeft(connection.id);
    }
  }

  #leaveStore(keeper: RoomKeeper, connection: Connection, how: 'left' | 'closed' | 'replaced'): Promise<void> {
    const { groupId } = keeper.room;
    const { store } = this.#options;
    return keeper.owe(`leave ${connection.id}`, () =>
      store.leave({ groupId, sessionId: connection.session.id, connectionId: connection.id, how }),
    );
  }

  /** Joining failed: who was there before stays as he was, who was not may be there for the store all the same. */
  #undoJoin(keeper: RoomKeeper, entry: RoomMember, before: RoomMember | undefined): void {
    const { room } = keeper;
    const { connection } = entry;
    if (before === undefined) {
      this.#options.groups.forget(room.groupId, connection);
      this.#leaveStore(keeper, connection, 'closed').catch((error: unknown) =>
        this.#options.onError(error, 'undo join'),
      );
      return;
    }
    room.members.set(connection.id, before);
    before.waiting = entry.waiting;
    room.admit(before, before.knownSeq);
  }
}
