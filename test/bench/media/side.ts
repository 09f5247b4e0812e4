/** The two sides of a comparison: the right to speak as NEDA gives it, and as LiveKit alone does. */
import { AccessToken, RoomServiceClient, TrackSource } from 'livekit-server-sdk';
import { login } from '../../../clients/headless/login.ts';
import type { LivekitMedia, Media } from '../../../clients/headless/messages.ts';
import { Signalling } from '../../../clients/headless/signalling.ts';
import type { TestLivekit } from '../../_support/livekit.ts';

const TOKEN_SECONDS = 3_600;
const PASSWORD = 'push-to-talk';

/** What a talker starts to send with. */
export interface Grant {
  readonly media: Media;
  readonly streamId: number;
}

export interface Side {
  readonly name: 'neda' | 'bare';
  /** How the talker and the listener are in the room from the start. */
  readonly talker: LivekitMedia;
  readonly listener: LivekitMedia;
  /** The talker presses; resolves when the right is his. */
  give(): Promise<Grant>;
  /** Somebody else takes the right away; resolves when that is confirmed. */
  take(): Promise<void>;
  /** The third one comes into the room for the first time, or again. */
  comeLate(): Promise<LivekitMedia>;
  /** He goes. */
  goAgain(): Promise<void>;
  close(): Promise<void>;
}

/** A person at NEDA: signed in, in the group that all demo users share. */
export class Member {
  readonly signalling: Signalling;
  readonly groupId: string;

  private constructor(signalling: Signalling, groupId: string) {
    this.signalling = signalling;
    this.groupId = groupId;
  }

  static async signIn(origin: string, username: string): Promise<Member> {
    const { accessToken } = await login(origin, { username, password: PASSWORD });
    const signalling = await Signalling.open(origin, accessToken);
    const { message } = await signalling.expect('READY', { type: 'HELLO' });
    const group = message.groups.find(({ name }) => name === 'Team');
    if (group === undefined) throw new Error(`${username} is not in the demo group`);
    return new Member(signalling, group.id);
  }

  async join(): Promise<Media> {
    const { message } = await this.signalling.expect('GROUP_JOINED', { type: 'JOIN_GROUP', groupId: this.groupId });
    return message.media;
  }

  async leave(): Promise<void> {
    await this.signalling.request({ type: 'LEAVE_GROUP', groupId: this.groupId });
  }

  /** Presses; resolves with the grant. Throws when the floor is refused. */
  async press(): Promise<Grant> {
    const { message } = await this.signalling.expect('TALK_GRANTED', { type: 'REQUEST_TALK', groupId: this.groupId });
    return message;
  }

  async release(): Promise<void> {
    await this.signalling.expect('TALK_RELEASED', { type: 'RELEASE_TALK', groupId: this.groupId });
  }

  /** As the group's manager. */
  async revoke(): Promise<void> {
    await this.signalling.expect('TALK_REVOKE_DONE', { type: 'REVOKE_TALK', groupId: this.groupId });
  }
}

/** The floor's side. Alice manages the demo group. */
export async function nedaSide(origin: string): Promise<Side> {
  const [talker, manager, late] = await Promise.all(
    ['bob', 'alice', 'carol'].map((username) => Member.signIn(origin, username)),
  );
  if (talker === undefined || manager === undefined || late === undefined) throw new Error('somebody is missing');
  return {
    name: 'neda',
    talker: livekitOf(await talker.join()),
    listener: livekitOf(await manager.join()),
    give: () => talker.press(),
    take: () => manager.revoke(),
    comeLate: async () => livekitOf(await late.join()),
    goAgain: () => late.leave(),
    close: async () => {
      await Promise.all([talker, manager, late].map(({ signalling }) => signalling.close()));
    },
  };
}

/** LiveKit alone: a backend that does nothing but change the talker's right. */
export async function bareSide(livekit: TestLivekit, room: string): Promise<Side> {
  const control = new BareControl(livekit);
  const [talker, listener, late] = await Promise.all(
    ['talker', 'listener', 'late'].map((identity) => control.media(room, identity)),
  );
  if (talker === undefined || listener === undefined || late === undefined) throw new Error('somebody is missing');
  return {
    name: 'bare',
    talker,
    listener,
    give: async () => {
      await control.setSpeaking(room, talker.identity, true);
      return { media: talker, streamId: 1 };
    },
    take: () => control.setSpeaking(room, talker.identity, false),
    comeLate: async () => late,
    goAgain: async () => undefined,
    close: async () => undefined,
  };
}

/** The calls of the server SDK that a backend cannot do without. */
export class BareControl {
  readonly #livekit: TestLivekit;
  readonly #client: RoomServiceClient;

  constructor(livekit: TestLivekit) {
    this.#livekit = livekit;
    this.#client = new RoomServiceClient(livekit.host, livekit.apiKey, livekit.apiSecret, { failover: false });
  }

  async media(room: string, identity: string): Promise<LivekitMedia> {
    const { apiKey, apiSecret, publicUrl: url } = this.#livekit;
    const token = new AccessToken(apiKey, apiSecret, { identity, ttl: TOKEN_SECONDS });
    token.addGrant({ room, roomJoin: true, canSubscribe: true, canPublish: false, canPublishData: false });
    return { kind: 'livekit', url, room, identity, token: await token.toJwt(), expiresInMs: TOKEN_SECONDS * 1_000 };
  }

  async setSpeaking(room: string, identity: string, canPublish: boolean): Promise<void> {
    const permission = {
      canSubscribe: true,
      canPublish,
      canPublishData: false,
      canPublishSources: canPublish ? [TrackSource.MICROPHONE] : [],
    };
    await this.#client.updateParticipant(room, identity, { permission });
  }

  /** Whether he may publish, as LiveKit has it now. */
  async maySpeak(room: string, identity: string): Promise<boolean> {
    return (await this.#client.getParticipant(room, identity)).permission?.canPublish === true;
  }
}

/** Throws when the voice does not come by LiveKit. */
export function livekitOf(media: Media): LivekitMedia {
  if (media.kind !== 'livekit') throw new Error(`voice comes by ${media.kind}, not by LiveKit`);
  return media;
}
