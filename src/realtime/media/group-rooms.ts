import type { CallsInOrder } from './calls-in-order.ts';
import { LISTEN, SPEAK } from './permissions.ts';
import type { Guest, RoomControl, RoomSize } from './room-control.ts';
import { groupOf, roomOf } from './rooms.ts';

/** What somebody in a room may do: everybody listens, who has the floor speaks too. */
export type Right = 'speak' | 'listen';

const rights = { speak: SPEAK, listen: LISTEN } as const;

type RoomCalls = Pick<RoomControl, 'setRights' | 'remove' | 'guests' | 'guest' | 'rooms'>;

/** A room of this deployment. */
export interface OpenRoom extends Omit<RoomSize, 'name'> {
  readonly groupId: string;
}

/**
 * The rooms of this deployment's groups. Calls that change somebody's right run in the group's order; those that only
 * look do not wait for them. All throw `CallFailed`, and `TurnMissed` when their turn does not come.
 */
export class GroupRooms {
  readonly #control: RoomCalls;
  readonly #keyPrefix: string;
  readonly #order: CallsInOrder;

  constructor(control: RoomCalls, order: CallsInOrder, keyPrefix: string) {
    this.#control = control;
    this.#order = order;
    this.#keyPrefix = keyPrefix;
  }

  nameOf(groupId: string): string {
    return roomOf(this.#keyPrefix, groupId);
  }

  /** Null for a room of another deployment, also of one whose prefix begins with this one's. */
  groupOf(room: string): string | null {
    return groupOf(this.#keyPrefix, room);
  }

  /** Sets all that somebody may do. `absent`: he is not in the room. */
  setRight(groupId: string, identity: string, right: Right, limitMs: number): Promise<'confirmed' | 'absent'> {
    return this.#order.run(groupId, limitMs, () =>
      this.#control.setRights(this.nameOf(groupId), identity, rights[right], limitMs),
    );
  }

  /** Disconnects somebody; nothing happens when he is not there. */
  async remove(groupId: string, identity: string, limitMs: number): Promise<void> {
    await this.#order.run(groupId, limitMs, () => this.#control.remove(this.nameOf(groupId), identity, limitMs));
  }

  /** Everybody in the room of a group, with his tracks. Nobody when there is no such room. */
  guests(groupId: string, limitMs: number): Promise<readonly Guest[]> {
    return this.#control.guests(this.nameOf(groupId), limitMs);
  }

  /** One of them; null when he is not there. */
  guest(groupId: string, identity: string, limitMs: number): Promise<Guest | null> {
    return this.#control.guest(this.nameOf(groupId), identity, limitMs);
  }

  /** The rooms of this deployment. */
  async open(limitMs: number): Promise<readonly OpenRoom[]> {
    const rooms = await this.#control.rooms(limitMs);
    return rooms.flatMap(({ name, ...size }) => {
      const groupId = this.groupOf(name);
      return groupId === null ? [] : [{ groupId, ...size }];
    });
  }
}
