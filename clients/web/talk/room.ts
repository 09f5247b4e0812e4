import type {
  GroupEvent,
  LogPosition,
  Media,
  PresentMember,
  ServerMessage,
  ServerMessageOf,
  Speaker,
  TalkRight,
} from '../../../src/realtime/protocol/index.ts';

export interface CurrentTalk {
  readonly talkId: string;
  readonly streamId: number;
  readonly speaker: Speaker;
  readonly emergency: boolean;
  readonly mine: boolean;
}

/** A group as this client knows it. */
export interface Room {
  readonly groupId: string;
  readonly name: string;
  readonly right: TalkRight;
  readonly me: Speaker;
  /** Up to where the group's events are known; null before the first snapshot. */
  readonly position: LogPosition | null;
  readonly talk: CurrentTalk | null;
  readonly present: readonly PresentMember[];
  readonly presenceCount: number;
  /** How its sound comes; null before the first snapshot. */
  readonly media: Media | null;
  /** Is sound asked for over the WebSocket itself? */
  readonly asksForRelay: boolean;
}

export function emptyRoom(group: { id: string; name: string; talk: TalkRight }, me: Speaker): Room {
  return {
    groupId: group.id,
    name: group.name,
    right: group.talk,
    me,
    position: null,
    talk: null,
    present: [],
    presenceCount: 0,
    media: null,
    asksForRelay: false,
  };
}

export interface Step {
  readonly room: Room;
  /** Events are missing: join again from `position` to get them. */
  readonly isBehind: boolean;
}

/** The room after this message; messages about other groups, and about nothing in it, leave it as it is. */
export function follow(room: Room, message: ServerMessage): Step {
  if (!('groupId' in message) || message.groupId !== room.groupId) return { room, isBehind: false };
  switch (message.type) {
    case 'GROUP_JOINED':
    case 'GROUP_STATE':
      return { room: withSnapshot(room, message), isBehind: false };
    case 'GROUP_UPDATED':
      return { room: withUpdate(room, message), isBehind: false };
    case 'TALK_GRANTED':
      return numbered(room, message, (known) => ({
        ...known,
        talk: { talkId: message.talkId, streamId: message.streamId, speaker: room.me, emergency: false, mine: true },
      }));
    case 'TALK_STARTED':
    case 'TALK_ENDED':
    case 'PRESENCE_CHANGED':
      return numbered(room, message, (known) => withEvent(known, message));
    default:
      return { room, isBehind: false };
  }
}

function withSnapshot(room: Room, message: ServerMessageOf<'GROUP_JOINED' | 'GROUP_STATE'>): Room {
  const { epoch, seq, floor, presence, presenceCount, media } = message;
  return {
    ...room,
    position: { epoch, seq },
    talk: floor.state === 'taken' ? floor : null,
    present: presence,
    presenceCount,
    media,
  };
}

function withUpdate(room: Room, { group, me }: ServerMessageOf<'GROUP_UPDATED'>): Room {
  return { ...room, name: group?.name ?? room.name, right: me?.talk ?? room.right };
}

type Numbered = GroupEvent | ServerMessageOf<'TALK_GRANTED'>;

/** Within an epoch the numbers grow by one: an old one was counted already, a later one means that some are missing. */
function numbered(room: Room, { epoch, seq }: Numbered, change: (room: Room) => Room): Step {
  const { position } = room;
  if (position === null || position.epoch !== epoch) return { room, isBehind: true };
  if (seq <= position.seq) return { room, isBehind: false };
  if (seq > position.seq + 1) return { room: change(room), isBehind: true };
  return { room: { ...change(room), position: { epoch, seq } }, isBehind: false };
}

function withEvent(room: Room, event: GroupEvent): Room {
  switch (event.type) {
    case 'TALK_STARTED': {
      const { talkId, streamId, speaker, emergency } = event;
      return { ...room, talk: { talkId, streamId, speaker, emergency, mine: false } };
    }
    case 'TALK_ENDED':
      return room.talk?.talkId === event.talkId ? { ...room, talk: null } : room;
    case 'PRESENCE_CHANGED': {
      const gone = new Set([...event.left, ...event.joined].map(({ userId }) => userId));
      const present = [...room.present.filter(({ userId }) => !gone.has(userId)), ...event.joined];
      return { ...room, present, presenceCount: event.presenceCount };
    }
  }
}
