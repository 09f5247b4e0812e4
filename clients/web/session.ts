import type { ServerMessage, ServerMessageOf } from '../../src/realtime/protocol/index.ts';
import type { Voice } from './audio/voice.ts';
import { Link, type LinkOptions, type LinkState } from './link/link.ts';
import { emptyRoom, follow, type Room } from './talk/room.ts';
import { type KeyState, TalkKey } from './talk/talk-key.ts';
import { shouldAskForRelay } from './talk/way.ts';
import { cutText, endText, errorText, refusalText } from './texts.ts';
import type { Outgoing } from './messages.ts';

export interface SessionEvents {
  /** Something of what is shown has changed. */
  readonly onChange: () => void;
  readonly onLink: (state: LinkState) => void;
  /** Something for the person, in words; '' takes the last one back. */
  readonly onNotice: (text: string) => void;
  /** The group is left, by whoever; `reason` where it was not the person. */
  readonly onLeft: (reason: string) => void;
  /** The group is joined, also again: now it is known how its sound comes. */
  readonly onJoined: (room: Room) => void;
}

/** The part of the voice that a talk needs. */
export type TalkVoice = Pick<
  Voice,
  'startTalk' | 'pauseTalk' | 'resumeTalk' | 'stopTalk' | 'receive' | 'follow' | 'tone'
>;

type GroupOfUser = ServerMessageOf<'READY'>['groups'][number];

/** So long after an `unavailable` answer a group is joined again. */
const JOIN_RETRY_MS = 2_000;

/**
 * One signed-in person: their groups, the one that they are in, and the key. Everything that a message means is here;
 * nothing of it knows the page.
 */
export class Session {
  readonly link: Link;
  readonly #key: TalkKey;
  readonly #events: SessionEvents;
  readonly #surroundings: LinkOptions['surroundings'];
  #user: ServerMessageOf<'READY'>['user'] | null = null;
  #groups = new Map<string, GroupOfUser>();
  #room: Room | null = null;
  #voice: TalkVoice | null = null;
  #joinId: string | null = null;
  #talkEndsAtMs: number | null = null;
  #isOnAir = false;

  constructor(options: Pick<LinkOptions, 'openSocket' | 'surroundings' | 'tokens'>, events: SessionEvents) {
    this.#events = events;
    this.#surroundings = options.surroundings;
    this.#key = new TalkKey({
      request: () => (this.#room === null ? null : this.link.send(request(this.#room.groupId))),
      release: (talkId) => this.#release(talkId),
      begin: (talk) =>
        this.#voice?.startTalk(talk, {
          send: (bytes) => void this.link.sendAudio(bytes),
          onAir: () => this.#goAhead(talk.talkId),
        }),
      resume: (talk) => this.#voice?.resumeTalk(talk),
      end: () => {
        this.#talkEndsAtMs = null;
        this.#isOnAir = false;
        this.#voice?.stopTalk();
      },
      onRefused: (refusal) => this.#refuse(refusalText(refusal)),
      onCut: (cause, retryAfterMs) => {
        this.#voice?.tone('cut');
        events.onNotice(cutText(cause, retryAfterMs));
      },
      onChange: () => events.onChange(),
    });
    this.link = new Link({
      ...options,
      greeting: (send) => this.#greet(send),
      isTalking: () => this.#key.talk !== null,
      onState: (state) => {
        if (state.kind !== 'ready') this.#voice?.pauseTalk();
        events.onLink(state);
      },
      onMessage: (message) => this.#follow(message),
      onAudio: (bytes) => this.#voice?.receive(bytes),
    });
  }

  get groups(): readonly GroupOfUser[] {
    return [...this.#groups.values()];
  }

  /** False until the server has said who is signed in. */
  get isKnown(): boolean {
    return this.#user !== null;
  }

  get room(): Room | null {
    return this.#room;
  }

  get key(): KeyState {
    return this.#key.state;
  }

  /** Can the others hear what is said now? */
  get isOnAir(): boolean {
    return this.#isOnAir;
  }

  /** What is left of one's own talk; null when there is none. */
  get talkLeftMs(): number | null {
    return this.#talkEndsAtMs === null ? null : this.#talkEndsAtMs - this.#surroundings.nowMs();
  }

  /** Goes into a group; its sound goes to `voice`. */
  enter(groupId: string, voice: TalkVoice): void {
    const group = this.#groups.get(groupId);
    if (group === undefined || this.#user === null) return;
    this.#voice = voice;
    this.#room = emptyRoom(group, { userId: this.#user.id, displayName: this.#user.displayName });
    this.#join();
    this.#events.onChange();
  }

  /** The media server cannot be reached from here: from now on the sound is to come over the WebSocket. */
  useRelay(): void {
    if (this.#room === null || this.#room.asksForRelay) return;
    this.#room = { ...this.#room, asksForRelay: true };
    this.#join();
  }

  leave(): void {
    const groupId = this.#room?.groupId;
    this.#forgetRoom('');
    if (groupId !== undefined) this.link.send({ type: 'LEAVE_GROUP', groupId });
  }

  /** The person is signed out: nothing of them is kept. */
  forget(): void {
    this.leave();
    this.#user = null;
    this.#groups.clear();
  }

  press(): void {
    if (this.#room === null) return;
    this.#events.onNotice('');
    this.#key.press();
  }

  letGo(): void {
    this.#key.letGo();
  }

  #greet(send: (message: Outgoing) => string): void {
    const room = this.#room;
    if (room === null) return;
    this.#joinId = send(joining(room));
    this.#key.reconnected(() => send(request(room.groupId)));
  }

  #join(): void {
    if (this.#room !== null) this.#joinId = this.link.send(joining(this.#room));
  }

  #release(talkId?: string): void {
    if (this.#room === null) return;
    const { groupId } = this.#room;
    this.link.send({ type: 'RELEASE_TALK', groupId, ...(talkId === undefined ? {} : { talkId }) });
  }

  #goAhead(talkId: string): void {
    if (this.#key.talk?.talkId !== talkId) return;
    this.#isOnAir = true;
    this.#voice?.tone('go_ahead');
    this.#events.onChange();
  }

  #follow(message: ServerMessage): void {
    switch (message.type) {
      case 'READY':
        this.#user = message.user;
        this.#groups = new Map(message.groups.map((group) => [group.id, group]));
        break;
      case 'GROUP_UPDATED':
        this.#updateGroup(message);
        break;
      case 'GROUP_REMOVED':
        this.#removeGroup(message);
        return;
      case 'ERROR':
        this.#fail(message);
        return;
      default:
        break;
    }
    this.#followRoom(message);
    this.#events.onChange();
  }

  #followRoom(message: ServerMessage): void {
    const before = this.#room;
    if (before === null || !('groupId' in message) || message.groupId !== before.groupId) return;
    const { room, isBehind } = follow(before, message);
    this.#room = room;
    if (before.talk?.talkId !== room.talk?.talkId) this.#voice?.follow(room.talk);
    this.#followTalk(message, before);
    if (isBehind) this.#join();
  }

  #followTalk(message: ServerMessage, before: Room): void {
    switch (message.type) {
      case 'GROUP_JOINED':
        this.#joinId = null;
        this.#comparePast(message);
        if (shouldAskForRelay(before.asksForRelay, message.media)) this.useRelay();
        else if (this.#room !== null) this.#events.onJoined(this.#room);
        break;
      case 'GROUP_STATE':
        this.#comparePast(message);
        break;
      case 'TALK_GRANTED':
        this.#key.granted({ talkId: message.talkId, streamId: message.streamId, media: message.media }, message.re);
        if (this.#key.talk?.talkId === message.talkId) {
          this.#talkEndsAtMs = this.#surroundings.nowMs() + message.remainingMs;
        }
        break;
      case 'TALK_QUEUED':
        this.#key.queued(message.position, message.re);
        break;
      case 'TALK_DENIED':
        this.#key.denied(message, message.re);
        break;
      case 'TALK_REVOKED':
        this.#key.ended(message.talkId, message.cause, message.retryAfterMs);
        break;
      case 'TALK_STARTED':
        this.#events.onNotice('');
        break;
      case 'TALK_ENDED':
        this.#endTalk(message, before);
        break;
      default:
        break;
    }
  }

  #endTalk({ talkId, speaker, cause }: ServerMessageOf<'TALK_ENDED'>, before: Room): void {
    if (before.talk?.talkId === talkId) {
      const text = before.talk.mine ? null : endText(speaker.displayName, cause);
      if (text !== null) this.#events.onNotice(text);
    }
    this.#key.ended(talkId, cause, 0);
  }

  /** What happened meanwhile to a talk of one's own. */
  #comparePast({ floor, missed }: ServerMessageOf<'GROUP_JOINED' | 'GROUP_STATE'>): void {
    for (const event of missed) {
      if (event.type === 'TALK_ENDED') this.#key.ended(event.talkId, event.cause, 0);
    }
    if (floor.state === 'taken' && floor.mine) this.#key.found(floor.talkId);
  }

  #updateGroup({ groupId, group, me }: ServerMessageOf<'GROUP_UPDATED'>): void {
    const known = this.#groups.get(groupId);
    const name = group?.name ?? known?.name;
    const role = me?.role ?? known?.role;
    const talk = me?.talk ?? known?.talk;
    if (name === undefined || role === undefined || talk === undefined) return;
    this.#groups.set(groupId, { id: groupId, name, role, talk });
  }

  #removeGroup({ groupId, cause }: ServerMessageOf<'GROUP_REMOVED'>): void {
    const name = this.#groups.get(groupId)?.name ?? 'The group';
    this.#groups.delete(groupId);
    if (this.#room?.groupId === groupId) {
      this.#forgetRoom(cause === 'group_deleted' ? `${name} was deleted.` : `You were removed from ${name}.`);
    } else this.#events.onChange();
  }

  #fail({ re, code, retryAfterMs }: ServerMessageOf<'ERROR'>): void {
    if (re !== undefined && re === this.#joinId) {
      this.#joinId = null;
      if (code === 'unavailable' || code === 'rate_limited' || code === 'internal') {
        this.#events.onNotice(errorText(code, retryAfterMs));
        const room = this.#room;
        this.#surroundings.after(retryAfterMs ?? JOIN_RETRY_MS, () => {
          if (this.#room !== null && this.#room.groupId === room?.groupId) this.#join();
        });
      } else this.#forgetRoom(errorText(code));
      return;
    }
    if (this.#key.failed(re)) this.#refuse(errorText(code, retryAfterMs));
  }

  #refuse(text: string): void {
    this.#voice?.tone('refused');
    this.#events.onNotice(text);
  }

  #forgetRoom(reason: string): void {
    this.#key.abandon();
    this.#room = null;
    this.#voice = null;
    this.#joinId = null;
    this.#events.onLeft(reason);
  }
}

function joining({ groupId, position, asksForRelay }: Room): Outgoing {
  return {
    type: 'JOIN_GROUP',
    groupId,
    ...(asksForRelay ? { audio: true } : {}),
    ...(position === null ? {} : { since: position }),
  };
}

function request(groupId: string): Outgoing {
  return { type: 'REQUEST_TALK', groupId, queue: true };
}
