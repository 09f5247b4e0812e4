import type { DenyCause, EndCause, Media, Speaker } from '../../../src/realtime/protocol/index.ts';

/** The talk that this client has. */
export interface OwnTalk {
  readonly talkId: string;
  readonly streamId: number;
  /** How it is heard: with the right to be. */
  readonly media: Media;
}

export type KeyState =
  /** Nobody presses. */
  | { readonly kind: 'up' }
  /** Pressed, and waiting for the answer to this request; `null`: it could not be sent yet. */
  | { readonly kind: 'asking'; readonly requestId: string | null }
  | { readonly kind: 'queued'; readonly requestId: string | null; readonly position: number }
  | { readonly kind: 'talking'; readonly talk: OwnTalk; readonly requestId: string | null }
  /** Pressed, but refused or ended: it has to be let go before it can be pressed again. */
  | { readonly kind: 'spent' };

export interface Refusal {
  readonly cause: DenyCause;
  readonly retryAfterMs?: number | undefined;
  readonly holder?: Speaker | undefined;
}

/** What the key makes others do. */
export interface KeyPorts {
  /** Sends REQUEST_TALK; the id of the message, or null when there is no connection. */
  readonly request: () => string | null;
  /** Sends RELEASE_TALK for this talk, or for whatever was asked. */
  readonly release: (talkId?: string) => void;
  /** The talk is new: sound the go-ahead and send. */
  readonly begin: (talk: OwnTalk) => void;
  /** The talk that began before is confirmed, on this connection. */
  readonly resume: (talk: OwnTalk) => void;
  /** Nothing of the microphone may leave any more. */
  readonly end: () => void;
  readonly onRefused: (refusal: Refusal) => void;
  /** The talk ended otherwise than by letting go. */
  readonly onCut: (cause: EndCause, retryAfterMs: number) => void;
  readonly onChange: (state: KeyState) => void;
}

/**
 * The button: what is pressed, asked, granted and let go, whatever overtakes what. A grant that nobody waits for any
 * more is given back at once, so that no microphone stays open by mistake.
 */
export class TalkKey {
  readonly #ports: KeyPorts;
  #state: KeyState = { kind: 'up' };

  constructor(ports: KeyPorts) {
    this.#ports = ports;
  }

  get state(): KeyState {
    return this.#state;
  }

  get talk(): OwnTalk | null {
    return this.#state.kind === 'talking' ? this.#state.talk : null;
  }

  press(): void {
    if (this.#state.kind === 'up') this.#enter({ kind: 'asking', requestId: this.#ports.request() });
  }

  letGo(): void {
    const { kind } = this.#state;
    if (kind === 'up') return;
    if (kind === 'talking') this.#ports.end();
    // Without a talk id: it ends a talk that is granted meanwhile as well, and gives up the place in the queue.
    if (kind !== 'spent') this.#ports.release();
    this.#enter({ kind: 'up' });
  }

  granted(talk: OwnTalk, re: string | undefined): void {
    const state = this.#state;
    if (state.kind === 'talking' && state.talk.talkId === talk.talkId) {
      this.#enter({ kind: 'talking', talk, requestId: null });
      this.#ports.resume(talk);
      return;
    }
    if (!this.#isAwaited(re)) {
      // An answer to an earlier press: that press was let go, and its release is on the way already.
      if (state.kind === 'up' || state.kind === 'spent') this.#ports.release(talk.talkId);
      return;
    }
    if (state.kind === 'talking') this.#ports.end();
    this.#enter({ kind: 'talking', talk, requestId: null });
    this.#ports.begin(talk);
  }

  queued(position: number, re: string | undefined): void {
    const state = this.#state;
    const isNews = state.kind === 'queued' && re === undefined;
    if (!isNews && !this.#isAnswer(re)) return;
    this.#enter({ kind: 'queued', requestId: isNews ? state.requestId : null, position });
  }

  denied(refusal: Refusal, re: string | undefined): void {
    if (!this.#isAwaited(re)) return;
    this.#spend();
    this.#ports.onRefused(refusal);
  }

  /** The request was answered by ERROR. True: it was one of the key's. */
  failed(re: string | undefined): boolean {
    if (!this.#isAnswer(re)) return false;
    this.#spend();
    return true;
  }

  /** TALK_REVOKED or TALK_ENDED. Where the floor was asked for anew after a lost connection, its answer decides. */
  ended(talkId: string, cause: EndCause, retryAfterMs: number): void {
    const state = this.#state;
    if (state.kind !== 'talking' || state.talk.talkId !== talkId) return;
    if (state.requestId !== null) {
      this.#ports.end();
      this.#enter({ kind: 'asking', requestId: state.requestId });
      return;
    }
    this.#spend();
    this.#ports.onCut(cause, retryAfterMs);
  }

  /** The connection is new. Asks again for what is held; the same talk comes back when it has survived. */
  reconnected(send: () => string): void {
    const state = this.#state;
    if (state.kind === 'up' || state.kind === 'spent') return;
    const requestId = send();
    this.#enter(state.kind === 'talking' ? { ...state, requestId } : { kind: 'asking', requestId });
  }

  /** The floor is this session's by what the server says; it is given back when nobody holds the key. */
  found(talkId: string): void {
    if (this.#state.kind === 'up' || this.#state.kind === 'spent') this.#ports.release(talkId);
  }

  /** The group is left, or the person is signed out. */
  abandon(): void {
    if (this.#state.kind === 'talking') this.#ports.end();
    this.#enter({ kind: 'up' });
  }

  #isAnswer(re: string | undefined): boolean {
    const state = this.#state;
    return re !== undefined && 'requestId' in state && state.requestId === re;
  }

  /** An answer to the last request, or what comes by itself to who stands in the queue. */
  #isAwaited(re: string | undefined): boolean {
    return this.#isAnswer(re) || (this.#state.kind === 'queued' && re === undefined);
  }

  #spend(): void {
    if (this.#state.kind === 'talking') this.#ports.end();
    this.#enter({ kind: 'spent' });
  }

  #enter(state: KeyState): void {
    this.#state = state;
    this.#ports.onChange(state);
  }
}
