import { media as mediaSchema, type LivekitMedia } from '../../../clients/headless/messages.ts';
import type { Neda } from '../../_support/neda.ts';
import type { ServerMessage, Tokens } from '../../_support/wire.ts';
import { WsClient } from '../../_support/ws-client.ts';

export interface Grant {
  readonly talkId: string;
  /** With the right to publish. */
  readonly media: LivekitMedia;
  readonly grantedAtMs: number;
}

/** One session of a member, present in a group by its WebSocket; what it does with LiveKit is another matter. */
export class Member {
  readonly neda: Neda;
  readonly tokens: Tokens;
  readonly groupId: string;
  readonly socket: WsClient;
  /** What he was told when he joined: without the right to publish. */
  readonly media: LivekitMedia;

  private constructor(neda: Neda, tokens: Tokens, groupId: string, socket: WsClient, media: LivekitMedia) {
    this.neda = neda;
    this.tokens = tokens;
    this.groupId = groupId;
    this.socket = socket;
    this.media = media;
  }

  /** A new session, in the group. */
  static async signIn(neda: Neda, username: string, groupId: string): Promise<Member> {
    const tokens = await neda.rest.login(username);
    const { socket, media } = await open(neda, tokens, groupId);
    return new Member(neda, tokens, groupId, socket, media);
  }

  /** The same session on another connection. */
  async again(neda: Neda): Promise<Member> {
    const { socket, media } = await open(neda, this.tokens, this.groupId);
    return new Member(neda, this.tokens, this.groupId, socket, media);
  }

  get identity(): string {
    return this.media.identity;
  }

  async press(): Promise<Grant> {
    const granted = await this.socket.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: this.groupId });
    const { talkId } = granted;
    if (talkId === undefined) throw new Error('a talk without an id');
    return { talkId, media: livekitOf(granted), grantedAtMs: this.socket.timeOf(granted) };
  }

  /** Returns when the request to end the talk was sent (`performance.now()`). */
  async release(): Promise<number> {
    const releasedAtMs = performance.now();
    await this.socket.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId: this.groupId });
    return releasedAtMs;
  }

  /** Waits for the end of a talk and returns its cause and when it came here. */
  async seesEnd(talkId: string, limitMs: number): Promise<{ readonly cause: string; readonly atMs: number }> {
    const ended = await this.socket.waitFor((message) => message.type === 'TALK_ENDED' && message.talkId === talkId, {
      limitMs,
      what: `the end of ${talkId}`,
    });
    return { cause: ended.cause ?? '', atMs: this.socket.timeOf(ended) };
  }

  /** A new token to listen by, as clients ask for it by REST. */
  async listenMedia(): Promise<LivekitMedia> {
    const answer = await this.neda.rest.expect(200, 'POST', `/api/v1/groups/${this.groupId}/media-token`, {
      token: this.tokens.accessToken,
    });
    return livekitOf({ media: answer });
  }
}

async function open(neda: Neda, tokens: Tokens, groupId: string) {
  const socket = await WsClient.signIn(neda.origin, tokens.accessToken);
  const joined = await socket.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  return { socket, media: livekitOf(joined) };
}

function livekitOf(message: { readonly media?: unknown } | ServerMessage): LivekitMedia {
  const media = mediaSchema.parse(message.media);
  if (media.kind !== 'livekit') throw new Error(`no LiveKit, but ${media.kind}`);
  return media;
}
