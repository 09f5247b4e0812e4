import type { FloorAudit, GroupAccess, Membership } from '../access.ts';
import type { FloorStore } from '../floor/index.ts';
import { type AnyMessageModule, type Connection, MessageRefused } from '../gateway/index.ts';
import { type ClientMessageOf, clientMessages } from '../protocol/index.ts';
import type { Live } from './create-live.ts';

/** Groups that one connection may have joined at a time. */
const MOST_GROUPS = 50;

export interface HandlerPorts {
  readonly groups: GroupAccess;
  readonly live: Live;
  readonly store: FloorStore;
  readonly audit: FloorAudit;
  readonly onError: (error: unknown, step: string) => void;
}

/** The messages about groups and their floor. */
export function createFloorModules(ports: HandlerPorts): readonly AnyMessageModule[] {
  const handlers = new FloorHandlers(ports);
  return [
    {
      type: 'JOIN_GROUP',
      schema: clientMessages.JOIN_GROUP,
      access: 'member',
      arrives: (connection, { audio }) => {
        if (audio === true) connection.awaitAudio(true);
      },
      handle: (connection, message) =>
        handlers.join(connection, message).finally(() => {
          if (message.audio === true) connection.awaitAudio(false);
        }),
    },
    {
      type: 'LEAVE_GROUP',
      schema: clientMessages.LEAVE_GROUP,
      access: 'session',
      handle: (connection, message) => handlers.leave(connection, message),
    },
    {
      type: 'REQUEST_TALK',
      schema: clientMessages.REQUEST_TALK,
      access: 'member',
      handle: (connection, message) => handlers.request(connection, message),
    },
    {
      type: 'RELEASE_TALK',
      schema: clientMessages.RELEASE_TALK,
      access: 'session',
      handle: (connection, message) => handlers.release(connection, message),
    },
    {
      type: 'REVOKE_TALK',
      schema: clientMessages.REVOKE_TALK,
      access: 'member',
      handle: (connection, message) => handlers.revoke(connection, message),
    },
  ];
}

class FloorHandlers {
  readonly #ports: HandlerPorts;

  constructor(ports: HandlerPorts) {
    this.#ports = ports;
  }

  async join(connection: Connection, message: ClientMessageOf<'JOIN_GROUP'>): Promise<void> {
    const { groupId } = message;
    const membership = await this.#membership(connection, groupId);
    if (!connection.joined.has(groupId) && connection.joined.size >= MOST_GROUPS) {
      throw new MessageRefused('limit_reached', `A connection may join ${MOST_GROUPS} groups: leave one first.`);
    }
    await this.#orUnavailable('join', () =>
      this.#ports.live.joins.join(connection, membership, {
        re: message.id,
        since: message.since ?? null,
        audio: message.audio ?? false,
      }),
    );
  }

  async leave(connection: Connection, { id, groupId }: ClientMessageOf<'LEAVE_GROUP'>): Promise<void> {
    try {
      await this.#ports.live.joins.leave(connection, groupId, 'left');
    } catch (error) {
      this.#ports.onError(error, 'leave');
    }
    connection.send({ type: 'GROUP_LEFT', re: id, groupId });
  }

  async request(connection: Connection, message: ClientMessageOf<'REQUEST_TALK'>): Promise<void> {
    const { groupId } = message;
    const membership = connection.memberships.get(groupId);
    if (membership === undefined) throw unknownGroup();
    const keeper = this.#ports.live.groups.keeper(groupId);
    const entry = this.#ports.live.groups.entry(groupId, connection);
    if (keeper === undefined || entry === undefined) {
      connection.send({ type: 'TALK_DENIED', re: message.id, groupId, cause: 'not_joined' });
      return;
    }
    await this.#ports.live.requests.request(keeper, entry, membership, message);
  }

  async release(connection: Connection, { id, groupId, talkId }: ClientMessageOf<'RELEASE_TALK'>): Promise<void> {
    const keeper = this.#ports.live.groups.keeper(groupId);
    const entry = this.#ports.live.groups.entry(groupId, connection);
    if (keeper === undefined || entry === undefined) {
      connection.send({ type: 'TALK_RELEASED', re: id, groupId, released: false });
      return;
    }
    const { room } = keeper;
    let answered = false;
    const answer = (released: boolean): void => {
      if (answered) return;
      answered = true;
      connection.send({ type: 'TALK_RELEASED', re: id, groupId, released });
    };
    const input = { groupId, sessionId: connection.session.id, connectionId: connection.id, talkId: talkId ?? null };
    room.releases.set(connection.id, () => answer(true));
    if (input.talkId === null) room.places.delete(connection.id);
    try {
      await this.#orUnavailable('release', () =>
        keeper.owe(`release ${connection.id}`, async () => {
          const outcome = await this.#ports.store.release(input);
          if (!outcome.released) answer(false);
          return outcome;
        }),
      );
      answer(true);
    } catch (error) {
      answered = true;
      const right = [...room.honoured.values()].find((talk) => talk.connectionId === connection.id)?.identity;
      if (typeof right === 'string') this.#ports.live.groups.withdrawals.begin(groupId, [right]);
      throw error;
    } finally {
      room.releases.delete(connection.id);
    }
  }

  async revoke(connection: Connection, { id, groupId, talkId }: ClientMessageOf<'REVOKE_TALK'>): Promise<void> {
    const { live, audit } = this.#ports;
    const by = { userId: connection.user.id, requestId: connection.requestId };
    if (connection.user.role === 'admin') await this.#knownGroup(connection, groupId);
    else if ((await this.#membership(connection, groupId)).role !== 'group_manager') {
      audit.refused({ by, groupId, message: 'REVOKE_TALK' });
      throw new MessageRefused('forbidden', "Only the group's manager or an admin may revoke a talk.");
    }
    await this.#orUnavailable('revoke', async () => {
      await live.endings.revoke({ groupId, talkId: talkId ?? null, by }, (ended) =>
        connection.send({ type: 'TALK_REVOKE_DONE', re: id, groupId, revoked: ended.length > 0 }),
      );
    });
  }

  async #knownGroup(connection: Connection, groupId: string): Promise<void> {
    if (connection.memberships.has(groupId) || (await this.#ports.groups.exists(groupId))) return;
    throw unknownGroup();
  }

  async #membership(connection: Connection, groupId: string): Promise<Membership> {
    const known = connection.memberships.get(groupId);
    if (known !== undefined) return known;
    const membership = await this.#ports.groups.membershipOf(connection.user.id, groupId);
    if (membership === null) throw unknownGroup();
    connection.memberships.set(groupId, membership);
    return membership;
  }

  async #orUnavailable(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof MessageRefused) throw error;
      this.#ports.onError(error, step);
      throw new MessageRefused('unavailable', 'The live store cannot be reached at the moment: try again.', 1_000);
    }
  }
}

/** The one answer for a group that does not exist and for one that the asker may not know of. */
function unknownGroup(): MessageRefused {
  return new MessageRefused('not_found', 'There is no such group, or you are not in it.');
}
