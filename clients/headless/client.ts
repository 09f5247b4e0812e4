import type { AudioSink, AudioSource } from './audio/ports.ts';
import { type Credentials, login, type Login } from './login.ts';
import type { Media, ServerMessage, ServerMessageOf } from './messages.ts';
import { type Received, Signalling } from './signalling.ts';
import { milliseconds, Transcript } from './transcript.ts';
import { openVoice } from './voice/open-voice.ts';
import type { VoiceTransport } from './voice/port.ts';

export interface ClientOptions extends Credentials {
  /** The server's address, e.g. `http://127.0.0.1:8000`. */
  readonly origin: string;
  readonly microphone: AudioSource;
  readonly loudspeaker: AudioSink;
  readonly transcript?: Transcript;
  /** Voice over the WebSocket, or not. Left out: where the server has no media server. */
  readonly audio?: boolean;
  /** Goes on sending when its talk has ended, as a modified client would. For tests of the server. */
  readonly disobedient?: boolean;
}

/** A talk that was granted to this client. */
export interface GrantedTalk {
  readonly talkId: string;
  readonly media: Media;
  /** When the key was pressed and when the grant came, on the clock of `performance.now()`. */
  readonly pressedAtMs: number;
  readonly grantedAtMs: number;
  /** Resolves when somebody can hear it; rejects when the sound cannot be sent. */
  readonly onAir: Promise<void>;
}

/** The floor was refused. */
export class TalkDenied extends Error {
  override readonly name = 'TalkDenied';
  readonly answer: ServerMessage;

  constructor(answer: ServerMessage) {
    super(`the floor was refused: ${JSON.stringify(answer)}`);
    this.answer = answer;
  }
}

/** A push-to-talk radio without hands: one session of one user, in one group. */
export class HeadlessClient {
  readonly name: string;
  readonly user: Login['user'];
  readonly sessionId: string;
  readonly signalling: Signalling;
  readonly #options: ClientOptions;
  readonly #transcript: Transcript;
  readonly #groups: ServerMessageOf<'READY'>['groups'];
  #group: { readonly id: string; readonly name: string } | undefined;
  #media: Media = { kind: 'none' };
  #voice: VoiceTransport | null = null;
  #talkId: string | undefined;

  private constructor(
    options: ClientOptions,
    session: Login,
    signalling: Signalling,
    groups: ServerMessageOf<'READY'>['groups'],
  ) {
    this.name = options.username;
    this.user = session.user;
    this.sessionId = session.session.id;
    this.signalling = signalling;
    this.#groups = groups;
    this.#options = options;
    this.#transcript = options.transcript ?? new Transcript();
    signalling.onMessage((received) => this.#follow(received));
    signalling.onClose(() => this.#endOwnTalk());
  }

  /** Signs in by REST and opens the session on the WebSocket. */
  static async signIn(options: ClientOptions): Promise<HeadlessClient> {
    const session = await login(options.origin, options);
    const signalling = await Signalling.open(options.origin, session.accessToken);
    const { message: ready } = await signalling.expect('READY', { type: 'HELLO' });
    const client = new HeadlessClient(options, session, signalling, ready.groups);
    client.#note('is signed in');
    return client;
  }

  /** How the group's voice comes to this client. */
  get media(): Media {
    return this.#media;
  }

  /** Joins the group of this name and begins to listen. Throws when the user is in no such group. */
  async join(groupName: string): Promise<ServerMessageOf<'GROUP_JOINED'>> {
    const group = this.#groups.find(({ name }) => name === groupName);
    if (group === undefined) throw new Error(`${this.name} is in no group ${groupName}`);
    const { audio } = this.#options;
    let message = await this.#joinGroup(group.id, audio ?? false);
    if (message.media.kind === 'none' && audio === undefined) message = await this.#joinGroup(group.id, true);
    this.#group = group;
    this.#media = message.media;
    this.#voice = await openVoice(message.media, { ...this.#options, socket: this.signalling });
    const floor = message.floor.state === 'taken' ? `${message.floor.speaker.displayName} talks` : 'the floor is free';
    this.#note(`joined ${group.name}: ${floor}, voice by ${message.media.kind}`);
    return message;
  }

  /** The group that it has joined. Throws when there is none. */
  get group(): { readonly id: string; readonly name: string } {
    if (this.#group === undefined) throw new Error(`${this.name} has joined no group`);
    return this.#group;
  }

  /** Asks for the floor and talks when it is granted. Throws `TalkDenied` when it is refused. */
  async press(): Promise<GrantedTalk> {
    const groupId = this.group.id;
    const pressedAtMs = performance.now();
    this.#note('presses the key', pressedAtMs);
    const { atMs: grantedAtMs, message } = await this.signalling.request({ type: 'REQUEST_TALK', groupId });
    if (message.type !== 'TALK_GRANTED') {
      this.#note(
        `is refused: ${message.type}${message.type === 'TALK_DENIED' ? ` ${message.cause}` : ''}`,
        grantedAtMs,
      );
      throw new TalkDenied(message);
    }
    const { talkId, media } = message;
    this.#talkId = talkId;
    this.#note(`has the floor after ${milliseconds(grantedAtMs - pressedAtMs)}`, grantedAtMs);
    const onAir = this.#voice === null ? Promise.resolve() : this.#voice.startTalk(message);
    onAir.catch(() => undefined);
    return { talkId, media, pressedAtMs, grantedAtMs, onAir };
  }

  /** Lets the key go: the microphone is off at once, whatever the server answers. Returns when that was. */
  async release(): Promise<number> {
    const groupId = this.group.id;
    const releasedAtMs = performance.now();
    this.#note('lets the key go', releasedAtMs);
    const answer = this.signalling.expect('TALK_RELEASED', { type: 'RELEASE_TALK', groupId });
    await Promise.all([answer, this.#stopTalk()]);
    return releasedAtMs;
  }

  /** Drops the connection without a close frame; the voice is left as it is. */
  cut(): void {
    this.signalling.cut();
  }

  async close(): Promise<void> {
    await this.#voice?.close();
    await this.signalling.close();
  }

  async #joinGroup(groupId: string, audio: boolean): Promise<ServerMessageOf<'GROUP_JOINED'>> {
    const { message } = await this.signalling.expect('GROUP_JOINED', { type: 'JOIN_GROUP', groupId, audio });
    return message;
  }

  #follow({ atMs, message }: Received): void {
    switch (message.type) {
      case 'TALK_STARTED':
        this.#note(`sees that ${message.speaker.displayName} talks`, atMs);
        break;
      case 'TALK_ENDED':
        this.#note(
          `sees that ${message.speaker.displayName} has ended: ${message.cause}, ${message.durationMs} ms`,
          atMs,
        );
        if (message.talkId === this.#talkId) this.#endOwnTalk();
        break;
      case 'TALK_REVOKED':
        this.#note(`loses the floor: ${message.cause}`, atMs);
        if (message.talkId === this.#talkId) this.#endOwnTalk();
        break;
      default:
        break;
    }
  }

  #endOwnTalk(): void {
    this.#stopTalk().catch((error: unknown) => this.#note(`cannot stop sending: ${String(error)}`));
  }

  async #stopTalk(): Promise<void> {
    this.#talkId = undefined;
    if (this.#options.disobedient === true) return;
    await this.#voice?.stopTalk();
  }

  #note(what: string, atMs?: number): void {
    this.#transcript.note(this.name, what, atMs);
  }
}
